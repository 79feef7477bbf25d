/**
 * One service of draft-degennaro-mta-hooks: found by its well-known document, registered with, asked at each stage, and
 * told at the end that nothing more will come. A registration that is gone is made again, once for a question.
 */
import { type Body, type Clock, MailError, type Random, type Resolver } from '@postroad/core';
import type { Plain } from './cbor.js';
import type { HookServiceConfig, HookStage } from './config.js';
import { type ExchangeAnswer, exchange } from './exchange.js';
import { asArray, asObject, wrong } from './patch.js';

/** What a client needs. */
export interface HookClientOptions {
  readonly service: HookServiceConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
  readonly hostname: string;
  readonly answerOctetsMax: number;
}

/** A question: the document's properties by name. */
export interface Question {
  readonly stage: HookStage;
  readonly document: { readonly [key: string]: Plain | undefined };
  readonly rawMessage: Body | undefined;
}

interface Registration {
  readonly id: string;
  readonly endpoint: URL;
  readonly deregistration: URL | undefined;
  readonly serialization: 'json' | 'cbor';
  readonly expiresAtMs: number;
  /** Names of properties by direction; all when the service did not say. */
  readonly properties: ReadonlySet<string> | undefined;
}

const wellKnown = '/.well-known/mta-hooks';
const retryMs = 200;
const retriesMax = 2;

/** The client; its calls may run at the same time. */
export class HookClient {
  readonly service: HookServiceConfig;
  readonly #options: HookClientOptions;
  #registration: Promise<Registration> | undefined;

  constructor(options: HookClientOptions) {
    this.service = options.service;
    this.#options = options;
  }

  /** Asks; `undefined` when nothing is to be changed. Rejects with `E_PEER` when there is no answer. */
  async ask(question: Question, signal: AbortSignal): Promise<Plain | undefined> {
    const requestId = this.#options.random.id();
    let isRenewed = false;
    for (let retries = 0; ; ) {
      const registration = await this.#registered(signal);
      const answer = await this.#post(registration, requestId, question, signal).catch(
        (error: unknown) => error,
      );
      if (isAnswer(answer)) {
        if (answer.status === 204) return undefined;
        if (answer.status === 200) return answer.document;
        if ((answer.status === 404 || answer.status === 410) && !isRenewed) {
          isRenewed = true;
          this.#registration = undefined;
          continue;
        }
      }
      const isTransient = !isAnswer(answer) || answer.status === 429 || answer.status >= 500;
      if (signal.aborted || !isTransient || retries++ >= retriesMax) {
        throw isAnswer(answer)
          ? new MailError('E_PEER', `the service answered with HTTP ${answer.status}`)
          : answer;
      }
      // The same request again, by its id.
      await this.#options.clock.sleep(retryMs * retries, signal);
    }
  }

  /** Says that nothing more will come. Never rejects. */
  async close(signal: AbortSignal): Promise<void> {
    try {
      const registration = await this.#registration;
      const url = registration?.deregistration;
      if (registration === undefined || url === undefined) return;
      const headers = { ...this.#headers(), 'x-mta-hooks-registration': registration.id };
      await this.#exchange({ url, method: 'DELETE', headers }, signal);
    } catch {
      // A service that is gone needs no goodbye.
    }
  }

  async #post(
    registration: Registration,
    requestId: string,
    { stage, document, rawMessage }: Question,
    signal: AbortSignal,
  ): Promise<ExchangeAnswer> {
    const { properties, serialization, id, endpoint } = registration;
    const isWanted = (name: string) => properties === undefined || properties.has(`/${name}`);
    const chosen = Object.entries({ stage, ...document }).filter(([name]) => isWanted(name));
    return await exchange({
      url: endpoint,
      method: 'POST',
      headers: { ...this.#headers(), 'x-mta-hooks-registration': id, 'x-mta-hooks-request-id': requestId },
      serialization,
      document: Object.fromEntries(chosen),
      rawMessage: isWanted('rawMessage') ? rawMessage : undefined,
      resolver: this.#options.resolver,
      answerOctetsMax: this.#options.answerOctetsMax,
      signal,
    });
  }

  /** The registration; made at the first need, and anew when it has ended. */
  async #registered(signal: AbortSignal): Promise<Registration> {
    const known = await this.#registration?.catch(() => undefined);
    if (known !== undefined && known.expiresAtMs > this.#options.clock.now()) return known;
    this.#registration = this.#register(signal);
    try {
      return await this.#registration;
    } catch (error) {
      this.#registration = undefined;
      throw error;
    }
  }

  async #register(signal: AbortSignal): Promise<Registration> {
    const found = await this.#exchange(
      { url: this.#url(wellKnown), method: 'GET', headers: this.#headers() },
      signal,
    );
    if (found.status !== 200) throw new MailError('E_PEER', `discovery ended with HTTP ${found.status}`);
    const offer = asObject(found.document);
    const serialization = this.#serialization(offer.serialization);
    const capabilities = asObject(offer.capabilities ?? {});
    const wish = {
      name: `postroad ${this.#options.hostname}`,
      serialization,
      ...(this.service.inbound.length > 0 && {
        inbound: subscription(this.service.inbound, capabilities.inbound),
      }),
      ...(this.service.outbound.length > 0 && {
        outbound: subscription(this.service.outbound, capabilities.outbound),
      }),
    };
    const url = this.#url(asObject(offer.endpoints).registration);
    const made = await this.#exchange(
      { url, method: 'POST', headers: this.#headers(), document: wish },
      signal,
    );
    if (made.status !== 201 && made.status !== 200) {
      throw new MailError('E_PEER', `registration ended with HTTP ${made.status}`);
    }
    return this.#readRegistration(asObject(made.document), serialization);
  }

  #readRegistration(
    made: { readonly [key: string]: Plain | undefined },
    serialization: 'json' | 'cbor',
  ): Registration {
    const { registrationId, hookEndpoint, expiresAt, endpoints, negotiated } = made;
    if (typeof registrationId !== 'string' || !/^[\w:.~-]{1,255}$/.test(registrationId))
      throw wrong('no registration');
    const gone =
      endpoints === undefined || endpoints === null ? undefined : asObject(endpoints).deregistration;
    const expiresAtMs = typeof expiresAt === 'string' ? Date.parse(expiresAt) : Number.POSITIVE_INFINITY;
    if (Number.isNaN(expiresAtMs)) throw wrong('a registration that ends at no time');
    return {
      id: registrationId,
      endpoint: this.#url(hookEndpoint),
      deregistration:
        typeof gone === 'string' ? this.#url(gone.replace('{registration_id}', registrationId)) : undefined,
      serialization,
      expiresAtMs,
      properties: negotiatedProperties(negotiated),
    };
  }

  #serialization(offered: Plain | undefined): 'json' | 'cbor' {
    const known = offered === undefined ? ['json'] : asArray(offered);
    const wanted = this.service.serialization;
    const other = wanted === 'json' ? 'cbor' : 'json';
    if (known.includes(wanted)) return wanted;
    if (known.includes(other)) return other;
    throw wrong('serializations that are none of ours');
  }

  /** An address of the service; it must be at the same origin, for that is where our token may go. */
  #url(path: Plain | undefined): URL {
    if (typeof path !== 'string') throw wrong('no address where one is needed');
    const base = new URL(this.service.url);
    const url = URL.canParse(path, base.href) ? new URL(path, base) : undefined;
    if (url === undefined || url.origin !== base.origin) throw wrong('an address of somebody else');
    return url;
  }

  #headers(): Readonly<Record<string, string>> {
    const { token } = this.service;
    return { 'user-agent': 'postroad', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  }

  #exchange(
    what: Pick<Parameters<typeof exchange>[0], 'url' | 'method' | 'headers' | 'document'>,
    signal: AbortSignal,
  ): Promise<ExchangeAnswer> {
    const { resolver, answerOctetsMax } = this.#options;
    // Discovery and registration are JSON, whatever hooks are.
    return exchange({ ...what, serialization: 'json', resolver, answerOctetsMax, signal });
  }
}

function isAnswer(value: unknown): value is ExchangeAnswer {
  return typeof value === 'object' && value !== null && 'status' in value && !(value instanceof Error);
}

/** The stages that are wanted, all of which the service must offer, and the properties that it can use. */
function subscription(stages: readonly HookStage[], offered: Plain | undefined): Plain {
  const { stages: known, fetchProperties } = asObject(offered);
  const missing = stages.filter((stage) => known !== undefined && !asArray(known).includes(stage));
  if (missing.length > 0) throw wrong(`no stage ${missing.join(', ')}`);
  return { stages: [...stages], ...(fetchProperties !== undefined && { properties: fetchProperties }) };
}

function negotiatedProperties(negotiated: Plain | undefined): ReadonlySet<string> | undefined {
  if (negotiated === undefined || negotiated === null) return undefined;
  const { inbound, outbound } = asObject(negotiated);
  const lists = [inbound, outbound].flatMap((one) => {
    const { properties } = one === undefined || one === null ? {} : asObject(one);
    return properties === undefined || properties === null ? [] : [asArray(properties)];
  });
  return lists.length === 0 ? undefined : new Set(lists.flat().map(String));
}
