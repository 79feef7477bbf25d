/** What the plugin can be told. */
import { z } from 'zod';

const minute = 60_000;
const name = z
  .string()
  .toLowerCase()
  .regex(
    /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/,
    'a host name, international ones as A-labels',
  );

const certificate = z
  .strictObject({
    names: z.array(name).min(1).max(100).describe('the names that the certificate is for'),
    challenge: z
      .enum(['http-01', 'tls-alpn-01', 'dns-01'])
      .describe('how we prove that they are ours')
      .default('http-01'),
  })
  .refine(
    ({ names, challenge }) => challenge === 'dns-01' || !names.some((one) => one.startsWith('*.')),
    'a name with * needs the challenge dns-01',
  );

const listen = (port: number) =>
  z.strictObject({ host: z.string().optional(), port: z.int().min(0).max(65_535).default(port) });

/** The configuration. */
export const config = z.strictObject({
  directory: z.string().describe('where account and certificates are kept'),
  directoryUrl: z.url().describe('the ACME server').default('https://acme-v02.api.letsencrypt.org/directory'),
  agreesToTerms: z.literal(true).describe('that you agree to the terms of the ACME server'),
  email: z.string().describe('whom the ACME server may write to').optional(),
  caFile: z.string().describe('what the ACME server’s own certificate is checked with').optional(),
  certificates: z
    .array(certificate)
    .describe('what is asked for; the first is shown when no name is')
    .default([]),
  files: z
    .array(z.strictObject({ certificateFile: z.string(), keyFile: z.string() }))
    .describe('certificates that others renew; swapped when they change')
    .default([]),
  http: z
    .union([z.literal('shared'), listen(80)])
    .prefault({})
    .describe('where the challenge http-01 is answered; `shared`: another plugin has the port'),
  alpn: z
    .union([z.literal('shared'), listen(443)])
    .prefault({})
    .describe('where the challenge tls-alpn-01 is answered; `shared`: another listener has the port'),
  dnsCommand: z
    .array(z.string())
    .min(1)
    .describe('run with `add` or `remove`, name and text of a TXT record, for the challenge dns-01')
    .optional(),
  dnsWaitMs: z.int().min(0).describe('how long a new TXT record takes to be seen everywhere').default(minute),
  profile: z.enum(['strict', 'compatible']).describe('which ciphers are spoken').default('strict'),
  renewBefore: z
    .number()
    .min(0.05)
    .max(0.95)
    .describe('the part of a certificate’s life that is left when it is renewed')
    .default(1 / 3),
  jitter: z
    .number()
    .min(0)
    .max(0.5)
    .describe('the part of its life by which renewals are spread')
    .default(0.05),
  checkMs: z.int().min(50).describe('how often files and dates are looked at').default(minute),
  retryMs: z
    .int()
    .min(100)
    .describe('after a failure, doubled each time up to six hours')
    .default(5 * minute),
  issueTimeoutMs: z
    .int()
    .min(1_000)
    .describe('how long one certificate may take')
    .default(10 * minute),
});

/** The configuration, checked. */
export type TlsAcmeConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type TlsAcmeOptions = z.input<typeof config>;
/** A certificate that is asked for. */
export type WantedCertificate = TlsAcmeConfig['certificates'][number];
