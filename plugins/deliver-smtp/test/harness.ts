/** Deliveries without a server around them. */
import { createSecureContext } from 'node:tls';
import {
  bodyFromBytes,
  type Delivery,
  type DeliveryReport,
  defaultEnvelopeParameters,
  type EgressPolicy,
  type EnvelopeParameters,
  type Logger,
  type MailAddress,
  parseAddress,
  type QueuedMessage,
  type QueuedRecipient,
  type Resigner,
  type Resolver,
  type ReversePath,
  type Route,
  siteOf,
} from '@postroad/core';
import { createSeededRandom, createVirtualClock, type VirtualClock } from '@postroad/core/testing';
import { type DeliverSmtpOptions, schema } from '../src/config.js';
import { ConnectionLimits } from '../src/connection-limits.js';
import { ConnectionPool } from '../src/connection-pool.js';
import type { Deliverer } from '../src/deliverer.js';
import { deliver } from '../src/delivery.js';
import { PolicyScopes } from '../src/policy-scopes.js';
import { Reachability } from '../src/reachability.js';
import type { SmtpRoute } from '../src/session-maker.js';
import { SiteNames } from '../src/site-names.js';
import { type FetchStsPolicy, MtaSts } from '../src/tls/mta-sts.js';
import { testCertificate } from './certificate.js';

/** What a test may say about a message. */
export interface MessageWish {
  readonly content?: string | Buffer;
  readonly prefix?: string;
  readonly from?: ReversePath;
  readonly to?: readonly (string | Partial<QueuedRecipient>)[];
  readonly parameters?: Partial<EnvelopeParameters>;
  readonly egress?: EgressPolicy;
  readonly signal?: AbortSignal;
  readonly body?: QueuedMessage['body'];
  readonly site?: string;
}

/** A deliverer of its own and how to use it. */
export interface Harness {
  readonly deliverer: Deliverer;
  readonly clock: VirtualClock;
  deliver(route: SmtpRoute, wish?: MessageWish): Promise<DeliveryReport>;
}

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const counter = { increase() {} };

/** Makes it. Private addresses are allowed: everything of a test is on loopback. */
export function createHarness(
  options: DeliverSmtpOptions & {
    readonly resolver?: Partial<Resolver>;
    /** Whether the certificate of the tests is believed, or which other one. */
    readonly trusted?: boolean | string;
    readonly fetchPolicy?: FetchStsPolicy;
    readonly resigner?: Resigner;
  } = {},
): Harness {
  const { resolver, trusted = false, fetchPolicy, resigner, ...wished } = options;
  const config = schema.parse({ allowPrivateAddresses: true, ...wished });
  // A time at which the certificates of the tests are valid.
  const clock = createVirtualClock(Date.UTC(2030, 0, 1));
  const none = async () => [];
  const names: Resolver = {
    mx: none,
    addresses: async () => ['127.0.0.1'],
    txt: none,
    names: none,
    ...resolver,
  };
  const mtaSts =
    fetchPolicy === undefined ? undefined : new MtaSts({ resolver: names, clock, log, fetchPolicy });
  const deliverer: Deliverer = {
    config,
    hostname: 'out.example.org',
    ownNames: new Set(['out.example.org', ...config.ownNames]),
    resolver: names,
    clock,
    random: createSeededRandom(1),
    log,
    pool: new ConnectionPool(config.reuse, clock),
    limits: new ConnectionLimits(clock),
    reachability: new Reachability(clock),
    scopes: new PolicyScopes({ resolver: names, clock, mtaSts, useDane: config.dane }),
    sites: new SiteNames({ resolver: names, clock }),
    mtaSts,
    resigner,
    secureContext: createSecureContext(
      trusted === false ? {} : { ca: trusted === true ? testCertificate : trusted },
    ),
    counters: { opened: counter, reused: counter },
  };
  return {
    deliverer,
    clock,
    deliver: (route, wish = {}) =>
      deliver(deliverer, deliveryOf(route, wish), route, wish.signal ?? new AbortController().signal),
  };
}

function deliveryOf(route: Route, wish: MessageWish): Delivery {
  const content = wish.content ?? 'Subject: test\r\n\r\nhello\r\n';
  const message: QueuedMessage = {
    id: 'message1',
    reversePath: wish.from === undefined ? (parseAddress('alice@example.org') as MailAddress) : wish.from,
    parameters: { ...defaultEnvelopeParameters, ...wish.parameters },
    headerPrefix: wish.prefix ?? '',
    body: wish.body ?? bodyFromBytes(Buffer.from(content)),
    origin: { protocol: 'ESMTP', listener: 'test', remoteAddress: '192.0.2.1', helloName: 'client' },
    receivedAtMs: 0,
    expiresAtMs: 1e15,
  };
  const recipients = (wish.to ?? ['bob@example.net']).map((to, index): QueuedRecipient => {
    const changes = typeof to === 'string' ? { address: parseAddress(to) as MailAddress } : to;
    return {
      messageId: message.id,
      index,
      address: parseAddress('bob@example.net') as MailAddress,
      state: 'leased',
      dueAtMs: 0,
      attempts: 1,
      unsettledAttempts: 1,
      site: siteOf(route),
      isDelayTold: false,
      ...changes,
    };
  });
  return {
    id: 'delivery1',
    message,
    recipients,
    route,
    routes: recipients.map(() => route),
    site: wish.site ?? siteOf(route),
    egress: wish.egress ?? {},
    startedAtMs: 0,
  };
}
