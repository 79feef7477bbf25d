/** The schema of a configuration file, plugins apart. The one importer of zod in the core. */
import { z } from 'zod';
import type {
  LimitRule,
  ListenerOptions,
  MtaOptions,
  QueueOptions,
  ReplyRule,
  SiteRule,
} from '../mta-options.js';
import type { StandardSchema } from '../plugin/standard-schema.js';
import { defaultReceiverLimits } from '../smtp/receiver.js';

/** Every key of `T`, so that an option that is added there must be added here. */
type ShapeOf<T> = { readonly [K in keyof Required<T>]: z.ZodType };

const milliseconds = z.number().int().min(0);
const count = z.number().int().min(1);
const path = z.string().min(1);
const fieldName = z.string().regex(/^[!-9;-~]{1,77}$/, 'Invalid name of a header field');
/** Plugins are checked one by one after they are loaded. */
const plugins = z.array(z.unknown());

const limits = z.strictObject(
  Object.fromEntries(
    Object.keys(defaultReceiverLimits).map((name) => [
      name,
      (name.endsWith('ShareMax') ? z.number().min(0).max(1) : z.number().int().min(0)).optional(),
    ]),
  ),
);

const listenerShape = {
  name: z
    .string()
    .min(1)
    .optional()
    .describe('For logs, limits and explain; made of role and port by default.'),
  host: z.string().min(1).optional().describe('The address to bind; all by default.'),
  port: z.number().int().min(0).max(65_535).describe('0 lets the system choose.'),
  role: z
    .enum(['relay', 'submission', 'lmtp'])
    .describe('relay is port 25, submission 587 and 465, lmtp RFC 2033.'),
  tls: z
    .enum(['none', 'optional', 'required', 'implicit'])
    .optional()
    .describe('Default: required for submission, optional for relay, none for LMTP.'),
  senders: z
    .enum(['own', 'any'])
    .optional()
    .describe('Whose addresses a logged-in user may send as; default own.'),
  auth: z.boolean().optional().describe('Whether AUTH is offered; default: on submission only.'),
  plaintextAuth: z.boolean().optional().describe('Passwords without TLS; only on loopback.'),
  profile: z.enum(['strict', 'legacy']).optional(),
  greetingDelayMs: milliseconds.optional(),
  proxyFrom: z
    .array(z.string())
    .optional()
    .describe(
      'Proxies, as addresses or networks in CIDR form, that must send a PROXY header (version 1 or 2).',
    ),
  xclientFrom: z
    .array(z.string())
    .optional()
    .describe('Clients, as addresses or networks, that may use XCLIENT and XFORWARD.'),
  limits: limits.optional(),
  plugins: plugins.optional().describe("Plugins that see only this listener's connections."),
} satisfies ShapeOf<ListenerOptions>;

const siteRuleShape = {
  match: z.string().min(1).describe('A site such as mx:example.com; * stands for any characters.'),
  deliveriesMax: count.optional().describe('Most deliveries at once to the site.'),
  rate: z
    .strictObject({ recipients: count, perMs: count, burst: count.optional() })
    .optional()
    .describe('Most recipients in so much time, and how many may come at once after a pause.'),
  retryDelaysMs: z.array(milliseconds).min(1).optional().describe('Waits between tries for these sites.'),
} satisfies ShapeOf<SiteRule>;

const rate = z.strictObject({ count, perMs: count, burst: count.optional() });
const pattern = z.string().min(1);

const limitRuleShape = {
  site: pattern.optional().describe('Only deliveries to these sites; * stands for any characters.'),
  domain: pattern.optional().describe("Only recipients' domains of this pattern."),
  tenant: pattern.optional(),
  account: pattern.optional(),
  campaign: pattern.optional(),
  per: z
    .array(z.enum(['site', 'domain', 'tenant', 'account', 'campaign']))
    .optional()
    .describe('Each value of these has the limit for itself.'),
  deliveriesMax: count.optional().describe('Most deliveries at once.'),
  messages: rate.optional().describe('Most messages in so much time.'),
  recipients: rate.optional().describe('Most recipients in so much time.'),
  octets: rate.optional().describe('Most octets in so much time.'),
} satisfies ShapeOf<LimitRule>;

const replyRuleShape = {
  match: pattern.describe('The reply on one line, such as 421 *too many*; the first rule that fits counts.'),
  site: pattern.optional().describe('Only at sites of this pattern.'),
  pauseSiteMs: count.optional().describe('Leave the site alone for so long.'),
  slow: z.strictObject({ deliveriesMax: count, forMs: count }).optional(),
  suspendTenantMs: count.optional().describe('Suspend the tenant of the message for so long.'),
  retryDelaysMs: z.array(milliseconds).min(1).optional().describe('Waits between tries after this answer.'),
  giveUp: z.boolean().optional().describe('The recipient bounces although the answer is a deferral.'),
} satisfies ShapeOf<ReplyRule>;

const queueShape = {
  retryDelaysMs: z
    .array(milliseconds)
    .min(1)
    .optional()
    .describe('Waits between tries; the last one repeats.'),
  retryJitter: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Each wait is stretched by up to this part of itself.'),
  lifetimeMs: count.optional().describe('When the queue gives up; default five days.'),
  delayWarningMs: milliseconds.optional().describe('When the sender is told of the delay; default 4 hours.'),
  deliveriesMax: count.optional().describe('Most deliveries at once; default 200.'),
  deliveriesPerSiteMax: count.optional().describe('Most deliveries at once to one site; default 20.'),
  recipientsPerDeliveryMax: count.optional().describe('Most recipients in one transaction; default 100.'),
  leaseMs: count.optional().describe('How long a delivery may take before its lease ends; default one hour.'),
  sites: z
    .array(z.strictObject(siteRuleShape))
    .optional()
    .describe('Limits of single sites; the first rule that fits counts.'),
  limits: z
    .array(z.strictObject(limitRuleShape))
    .optional()
    .describe('Limits across sites; all that fit count.'),
  replies: z
    .array(z.strictObject(replyRuleShape))
    .optional()
    .describe('What certain answers mean for the next deliveries.'),
  tenantHeader: fieldName
    .optional()
    .describe('The header field that says whom a message belongs to; by default its account counts.'),
  campaignHeader: fieldName
    .optional()
    .describe('The header field that names the sending a message belongs to; default X-Campaign.'),
} satisfies ShapeOf<QueueOptions>;

const certificateFiles = z.strictObject({ certificateFile: path, keyFile: path });

const tlsProfile = {
  profile: z.enum(['strict', 'compatible']).optional().describe('Which ciphers; default compatible.'),
};
const tls = z.union(
  [
    certificateFiles.extend(tlsProfile),
    z.strictObject({ certificates: z.array(certificateFiles).min(1).max(1_000), ...tlsProfile }),
    z.strictObject({ selfSignedDirectory: path, ...tlsProfile }),
  ],
  'Invalid input: expected certificateFile and keyFile, certificates with several of them, or selfSignedDirectory',
);

const optionsShape = {
  hostname: z
    .string()
    .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/, 'Invalid host name')
    .describe("The server's name in greetings and trace fields."),
  plugins: plugins.describe('What the server is composed of, in order.'),
  listeners: z.array(z.strictObject(listenerShape)).optional().describe('The ports that take mail.'),
  tls: tls.optional().describe('Where the certificate comes from.'),
  tlsSessions: z
    .strictObject({ secretFile: path })
    .optional()
    .describe('A secret of several machines that continue TLS sessions of each other.'),
  clientCertificates: z
    .strictObject({ authoritiesFile: path })
    .optional()
    .describe('Whose certificates clients may log in with (SASL EXTERNAL): authorities in PEM.'),
  queue: z.strictObject(queueShape).optional().describe('When the queue tries again and when it gives up.'),
  spool: z
    .strictObject({ directory: path.optional(), inlineOctetsMax: z.number().int().min(0).optional() })
    .optional()
    .describe('Directory for bodies above the inline limit, and that limit.'),
  dns: z
    .strictObject({ servers: z.array(z.string().min(1)).optional(), trustsServers: z.boolean().optional() })
    .optional()
    .describe("DNS servers as address or address:port; the system's by default."),
  control: z
    .strictObject({ socket: path })
    .optional()
    .describe('Where postroad commands reach the running server: a unix socket.'),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).optional() }).optional(),
  workers: z
    .union([count, z.literal('auto')])
    .optional()
    .describe('Processes that share the listeners and the work; auto for one per core. Default 1.'),
  drainMs: milliseconds.optional().describe('How long to finish at a stop or reload; default 30 seconds.'),
} satisfies ShapeOf<MtaOptions>;

/** The options with strict keys. `$schema` is allowed, for editors. */
export const configSchema: StandardSchema = z.strictObject({
  $schema: z.string().optional(),
  ...optionsShape,
});
