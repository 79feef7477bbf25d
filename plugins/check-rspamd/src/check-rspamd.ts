/** The plugin: rspamd is asked once for each message; its answer gives findings, a verdict, and changes. */
import {
  Clock,
  type Connection,
  createFailOver,
  defer,
  definePlugin,
  type EnvelopeRecipient,
  editHeader,
  isSameAddress,
  type Message,
  messageOf,
  parseAddress,
  Resolver,
  Spool,
  withDeadline,
  withHeaderSection,
} from '@postroad/core';
import type { RspamdAnswer } from './answer.js';
import { askRspamd, type Judgement } from './ask-rspamd.js';
import { type CheckRspamdConfig, config } from './config.js';
import { createConnections } from './connections.js';
import { findingsOf, headerEdits, markOf, refusalOf } from './judge.js';
import { requestFields } from './request-fields.js';

const unknown = defer(451, '3.0', 'temporary problem, try again later', { rule: 'no answer' });

/** Lets rspamd judge, and change, each message. */
export const checkRspamd = definePlugin({
  name: 'check-rspamd',
  description: 'Lets rspamd judge and change messages.',
  config,
  needs: { clock: Clock, resolver: Resolver, spool: Spool },
  setup({ config, services, hostname, log, tap, defer: atEnd }) {
    const { clock, resolver, spool } = services;
    const connections = createConnections(atEnd);
    const judgements = new WeakMap<Message, Judgement>();
    const failOver = createFailOver({
      servers: config.servers,
      clock,
      timeoutMs: config.timeoutMs,
      pauseMs: config.pauseMs,
      order: config.order,
      onFailure: (server, error) => log.warn('a server of rspamd failed', { server, error }),
    });

    async function ask(message: Message, signal: AbortSignal): Promise<Judgement> {
      const { connection } = message.transaction;
      const name = config.lookUpName ? await clientName(connection, resolver, signal) : undefined;
      const fields = requestFields(message, name, hostname, config);
      const { rewrittenOctetsMax } = config;
      return failOver.run(
        (server, until) =>
          askRspamd({
            server,
            fields,
            body: message.body,
            resolver,
            spool,
            rewrittenOctetsMax,
            connections,
            signal: until,
          }),
        signal,
      );
    }

    tap('inspect', async (message, signal) => {
      try {
        const judgement = await withDeadline(clock, config.deadlineMs, signal, (until) =>
          ask(message, until),
        );
        if (judgement.rewritten !== undefined) message.adopt(judgement.rewritten);
        judgements.set(message, judgement);
        return findingsOf(judgement.answer);
      } catch (error) {
        const skipped = config.onError === 'skip';
        log.error('rspamd could not be asked', { message: message.id, skipped, error });
        return { source: 'rspamd', error: messageOf(error) };
      }
    });
    tap(
      'message',
      (message) => {
        const judgement = judgements.get(message);
        // Fails closed unless the configuration says otherwise.
        if (judgement === undefined) return config.onError === 'skip' ? undefined : unknown;
        return refusalOf(judgement.answer, config);
      },
      { description: describe(config) },
    );
    tap(
      'message',
      (message) => {
        const judgement = judgements.get(message);
        return judgement === undefined ? undefined : markOf(judgement.answer, config);
      },
      { order: 'late' },
    );
    if (!config.rewrite) return;
    tap('expand', (message, recipients) => {
      const answer = judgements.get(message)?.answer;
      return answer === undefined ? undefined : changeEnvelope(message, recipients, answer);
    });
    tap('content', (message, _findings, body) => {
      const judgement = judgements.get(message);
      if (judgement === undefined) return undefined;
      const edits = headerEdits(judgement.answer, body.header);
      if (edits.length === 0 && judgement.rewritten === undefined) return undefined;
      return withHeaderSection(judgement.rewritten ?? body, editHeader(body.headerBytes, edits));
    });
  },
});

function describe({ servers, onError }: CheckRspamdConfig): string {
  return `${servers.length} servers of rspamd: refuses or defers by its action; none answers: ${onError}`;
}

/** Another sender at once; the recipients when they are others. */
function changeEnvelope(
  message: Message,
  recipients: readonly EnvelopeRecipient[],
  { milter }: RspamdAnswer,
): readonly EnvelopeRecipient[] | undefined {
  if (milter.change_from !== undefined) changeFrom(message, milter.change_from);
  const gone = milter.del_rcpt.map(addressOf);
  const added = milter.add_rcpt.map((text) => ({ address: addressOf(text) }));
  if (gone.length === 0 && added.length === 0) return undefined;
  const kept = recipients.filter(({ address }) => !gone.some((one) => isSameAddress(one, address)));
  return [...kept, ...added];
}

function changeFrom(message: Message, text: string): void {
  message.returnTo(text === '' || text === '<>' ? null : addressOf(text));
}

/** The address in rspamd's words; what is none is an error, which defers. */
function addressOf(text: string) {
  const address = parseAddress(text.replace(/^<(.*)>$/, '$1'));
  if (address === undefined) throw new RangeError('rspamd named a recipient or sender that is no address');
  return address;
}

/** The client's name in DNS when its address stands there too; a failure is no name. */
async function clientName(
  { protocol, remoteAddress }: Connection,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (protocol === 'code') return undefined;
  try {
    for (const name of (await resolver.names(remoteAddress, signal)).slice(0, 3)) {
      if ((await resolver.addresses(name, signal)).includes(remoteAddress)) return name;
    }
  } catch {
    // Unknown, as for a client without one; rspamd can do without.
  }
  return undefined;
}
