/** What listeners speak: TLS 1.2 and 1.3 (RFC 8996), in two strengths (RFC 9325). */
import type { SecureContextOptions } from 'node:tls';

/** `strict` has forward secrecy and authenticated encryption only; `compatible` takes older clients with TLS 1.2 too. */
export type TlsProfile = 'strict' | 'compatible';

const modern = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
];
const older = [
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
];

/** The options of a server's context, for plugins that provide certificates too. */
export function tlsProfileOptions(profile: TlsProfile): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    ciphers: (profile === 'strict' ? modern : [...modern, ...older]).join(':'),
  };
}
