/** The options of the plugin. */
import type { StandardSchema, TlsPolicy } from '@postroad/core';
import { z } from 'zod';
import { defaultTimeouts, type Timeouts } from './client/timeouts.js';
import type { EightBitPolicy } from './converted-content.js';

/** What a user may write; see the README. */
export interface DeliverSmtpOptions {
  readonly helloName?: string | undefined;
  readonly ownNames?: readonly string[] | undefined;
  readonly port?: number | undefined;
  readonly tls?: TlsPolicy | undefined;
  readonly tlsVersionMin?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  readonly dane?: boolean | undefined;
  readonly mtaSts?: boolean | undefined;
  readonly caFile?: string | undefined;
  readonly allowPrivateAddresses?: boolean | undefined;
  readonly plaintextLogin?: boolean | undefined;
  readonly xclientTo?: readonly string[] | undefined;
  readonly mtaStsFile?: string | undefined;
  readonly rollUp?: boolean | undefined;
  readonly transcripts?: 'none' | 'failures' | 'all' | undefined;
  readonly chunking?: boolean | undefined;
  readonly eightBit?: EightBitPolicy | undefined;
  readonly hostsMax?: number | undefined;
  readonly addressesMax?: number | undefined;
  readonly sessionsMax?: number | undefined;
  readonly timeouts?: { readonly [K in keyof Timeouts]?: number | undefined } | undefined;
  readonly reuse?:
    | {
        readonly idleMs?: number | undefined;
        readonly messagesMax?: number | undefined;
        readonly lifetimeMs?: number | undefined;
        readonly idleMax?: number | undefined;
      }
    | undefined;
}

const milliseconds = (fallback: number) => z.number().int().min(1).max(3_600_000).default(fallback);

/** The schema. */
export const schema = z.strictObject({
  /** The name to say in EHLO; the server's hostname by default. */
  helloName: z.string().min(1).max(255).optional(),
  /** Other names under which MX records mean this server; its hostname always is one. */
  ownNames: z.array(z.string().toLowerCase()).default([]),
  /** The port of mail exchangers. */
  port: z.number().int().min(1).max(65_535).default(25),
  tls: z.enum(['none', 'opportunistic', 'required', 'verified', 'dane']).default('opportunistic'),
  tlsVersionMin: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
  /** DANE where the resolver is a trusted validating one. */
  dane: z.boolean().default(true),
  mtaSts: z.boolean().default(true),
  /** Certificates to trust instead of the system's, in PEM. */
  caFile: z.string().min(1).optional(),
  allowPrivateAddresses: z.boolean().default(false),
  plaintextLogin: z.boolean().default(false),
  /** Hosts of routes that are told by XCLIENT whom they would be speaking with. */
  xclientTo: z.array(z.string().min(1)).default([]),
  /** Where policies of MTA-STS are kept over restarts. */
  mtaStsFile: z.string().min(1).optional(),
  /** Whether domains with the same mail exchangers are one site. */
  rollUp: z.boolean().default(true),
  /** What was said to servers, for the timelines of messages. */
  transcripts: z.enum(['none', 'failures', 'all']).default('failures'),
  /** BDAT where it is offered. */
  chunking: z.boolean().default(true),
  /** Eight-bit bodies where 8BITMIME is not offered, and binary ones where BINARYMIME is not. */
  eightBit: z.enum(['convert', 'convert-signed', 'refuse', 'send']).default('convert'),
  hostsMax: z.number().int().min(1).max(100).default(10),
  addressesMax: z.number().int().min(1).max(100).default(8),
  sessionsMax: z.number().int().min(1).max(100).default(3),
  timeouts: z
    .strictObject({
      connectMs: milliseconds(defaultTimeouts.connectMs),
      greetingMs: milliseconds(defaultTimeouts.greetingMs),
      helloMs: milliseconds(defaultTimeouts.helloMs),
      tlsMs: milliseconds(defaultTimeouts.tlsMs),
      loginMs: milliseconds(defaultTimeouts.loginMs),
      mailMs: milliseconds(defaultTimeouts.mailMs),
      recipientMs: milliseconds(defaultTimeouts.recipientMs),
      dataMs: milliseconds(defaultTimeouts.dataMs),
      blockMs: milliseconds(defaultTimeouts.blockMs),
      finalMs: milliseconds(defaultTimeouts.finalMs),
    })
    .prefault({}),
  reuse: z
    .strictObject({
      /** How long a connection waits for the next message; 0 closes it at once. */
      idleMs: z.number().int().min(0).max(300_000).default(10_000),
      messagesMax: z.number().int().min(1).max(1_000_000).default(100),
      lifetimeMs: milliseconds(300_000),
      /** Most idle connections in all. */
      idleMax: z.number().int().min(1).max(100_000).default(500),
    })
    .prefault({}),
});

/** The options with their defaults. */
export type DeliverSmtpConfig = z.output<typeof schema>;

/** The schema as the plugin's signature shows it. */
export const config: StandardSchema<DeliverSmtpOptions | undefined, DeliverSmtpConfig> = schema.prefault({});
