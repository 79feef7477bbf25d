/** What a user configures. */
import { z } from 'zod';

const port = z.number().int().min(0).max(65_535);

const listenSchema = z.strictObject({
  port: port.describe('Port to listen on; 0 lets the system choose'),
  host: z.string().min(1).optional().describe('Address to bind; all by default'),
  tls: z
    .enum(['implicit', 'starttls', 'none'])
    .default('starttls')
    .describe('`implicit`: TLS from the first octet; `starttls`: the client may upgrade; `none`: never'),
  plaintextAuth: z.boolean().default(false).describe('Passwords without TLS; only on a loopback `host`'),
});

const positive = z.number().int().positive();

const limitsSchema = z
  .strictObject({
    connectionsMax: positive.default(10_000).describe('Connections at once'),
    connectionsPerAccountMax: positive.default(100).describe('Connections of one account at once'),
    connectionsPerAddressMax: positive.default(200).describe('Connections from one address at once'),
    lineOctetsMax: positive.default(65_536).describe('Octets of one command line after login'),
    literalOctetsMax: positive.default(65_536).describe('Octets of one literal other than a message'),
    commandOctetsMax: positive.default(262_144).describe('Octets of one command without its messages'),
    messageOctetsMax: positive.default(67_108_864).describe('Octets of an appended message (APPENDLIMIT)'),
    loginLineOctetsMax: positive
      .default(32_768)
      .describe('Octets of one command line before login: an ID may have 30 fields (RFC 2971)'),
    loginLiteralOctetsMax: positive.default(1_024).describe('Octets of one literal before login'),
    loginTimeoutMs: positive.default(60_000).describe('Time to log in'),
    idleTimeoutMs: positive.default(1_800_000).describe('Time without a command after login'),
    idleNoticeMs: positive.default(120_000).describe('Time between signs of life while a client idles'),
    loginFailuresMax: positive.default(5).describe('Wrong passwords before the connection is closed'),
    loginFailureDelayMs: z
      .number()
      .int()
      .min(0)
      .default(1_000)
      .describe('Wait after the first wrong password from an address; doubles with each further one'),
    messagesPerCommandMax: positive
      .optional()
      .describe(
        'Messages that one command works on, announced as MESSAGELIMIT (RFC 9738), which asks for 1,000 at least; without it all',
      ),
    messagesPerSaveMax: positive
      .optional()
      .describe(
        'Messages that one COPY or APPEND takes, announced as SAVELIMIT; instead of `messagesPerCommandMax`',
      ),
    badCommandsMax: positive.default(50).describe('Commands that are none before the connection is closed'),
  })
  .prefault({});

/** The schema of `accessImap`: one port, or a list of them. */
export const configSchema = z
  .strictObject({
    ...listenSchema.partial().shape,
    listen: z.array(listenSchema).min(1).max(20).optional().describe('Several ports instead of one'),
    limits: limitsSchema,
  })
  .superRefine((config, context) => {
    if ((config.port === undefined) === (config.listen === undefined)) {
      context.addIssue({ code: 'custom', path: ['port'], message: 'give either `port` or `listen`' });
    }
    const { messagesPerCommandMax, messagesPerSaveMax } = config.limits;
    if (messagesPerCommandMax !== undefined && messagesPerSaveMax !== undefined) {
      const message = 'give either this or `messagesPerCommandMax`';
      context.addIssue({ code: 'custom', path: ['limits', 'messagesPerSaveMax'], message });
    }
    for (const [index, listen] of (config.listen ?? [config]).entries()) {
      if (listen.plaintextAuth === true && !isLoopback(listen.host)) {
        const path = config.listen === undefined ? ['plaintextAuth'] : ['listen', index, 'plaintextAuth'];
        context.addIssue({ code: 'custom', path, message: 'is only allowed on a loopback host' });
      }
    }
  });

/** The checked configuration. */
export type Config = z.output<typeof configSchema>;

/** Bounds of connections and commands. */
export type Limits = Config['limits'];

/** One port. */
export interface ListenConfig {
  readonly port: number;
  readonly host: string | undefined;
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly isPlaintextAuthAllowed: boolean;
}

/** The ports of a configuration. */
export function listensOf(config: Config): readonly ListenConfig[] {
  const entries = config.listen ?? [config];
  return entries.map(({ port: number, host, tls, plaintextAuth }) => ({
    port: number ?? 0,
    host,
    tls: tls ?? 'starttls',
    isPlaintextAuthAllowed: plaintextAuth === true,
  }));
}

function isLoopback(host: string | undefined): boolean {
  return host === 'localhost' || host === '::1' || (host !== undefined && /^127\.\d+\.\d+\.\d+$/.test(host));
}
