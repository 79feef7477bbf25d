/** What the plugin can be told. */
import { z } from 'zod';

const day = 86_400;

const listen = z.strictObject({
  host: z.string().optional().describe('the address to bind; all by default'),
  port: z.int().min(0).max(65_535),
  tls: z.boolean().default(true),
});

/** The configuration. */
export const config = z.strictObject({
  domains: z.array(z.string().toLowerCase()).min(1).describe('the domains that we are the server of'),
  host: z
    .string()
    .toLowerCase()
    .optional()
    .describe('the name that clients connect to; the server’s by default'),
  displayName: z.string().optional().describe('what clients show; the domain by default'),
  listeners: z
    .array(listen)
    .describe('where this is served')
    .default([
      { port: 443, tls: true },
      { port: 80, tls: false },
    ]),
  ports: z
    .record(z.string().regex(/^\d+$/), z.int().min(1).max(65_535))
    .describe('ports as clients see them, where a router maps them to ours')
    .default({}),
  showsLoopback: z.boolean().describe('whether listeners on loopback are told of').default(false),
  mtaSts: z
    .strictObject({
      mode: z.enum(['testing', 'enforce', 'none']).default('testing'),
      maxAgeSeconds: z
        .int()
        .min(day)
        .max(31_557_600)
        .default(7 * day),
      mx: z.array(z.string().toLowerCase()).optional(),
    })
    .optional()
    .describe('the MTA-STS policy that is served for the domains'),
  dmarc: z
    .strictObject({
      policy: z.enum(['none', 'quarantine', 'reject']).default('quarantine'),
      reports: z.string().optional(),
    })
    .prefault({})
    .describe('what `postroad dns` says for DMARC'),
  tlsReports: z.string().optional().describe('who gets reports about TLS (RFC 8460)'),
});

/** The configuration, checked. */
export type AccessAutoconfigConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type AccessAutoconfigOptions = z.input<typeof config>;
