/** OAUTHBEARER (RFC 7628) and XOAUTH2, its forerunner, which large providers and many clients speak. */
import { textOfOctets } from './base64.js';
import {
  type Mechanism,
  type MechanismContext,
  type MechanismStep,
  malformed,
  nothing,
} from './mechanism.js';
import { readGs2Header } from './scram-messages.js';

/** OAUTHBEARER. */
export function oauthBearer(context: MechanismContext): Mechanism {
  return { greeting: nothing, step: (response) => readOauthBearer(response, context) };
}

/** XOAUTH2. */
export function xoauth2(context: MechanismContext): Mechanism {
  return { greeting: nothing, step: (response) => readXoauth2(response, context) };
}

/** RFC 7628 section 3.1: a GS2 header, then pairs, each with a ^A behind it, and one ^A more. */
function readOauthBearer(response: Uint8Array, context: MechanismContext): MechanismStep {
  const text = textOfOctets(response);
  const header = text === undefined ? undefined : readGs2Header(text);
  // RFC 7628 section 3.1: a bearer token does not bind the channel.
  if (header === undefined || header.binding.kind === 'used') return malformed;
  const token = tokenOf(pairsOf(header.rest));
  if (token === undefined) return malformed;
  const { authorizationId } = header;
  const hints = {
    ...(context.bearerHints.scope === undefined ? {} : { scope: context.bearerHints.scope }),
    ...(context.bearerHints.openIdConfiguration === undefined
      ? {}
      : { 'openid-configuration': context.bearerHints.openIdConfiguration }),
  };
  return {
    status: 'credentials',
    credentials: { kind: 'bearer', mechanism: 'OAUTHBEARER', login: '', authorizationId, token },
    refusal: Buffer.from(JSON.stringify({ status: 'invalid_token', ...hints })),
  };
}

/** `user=NAME^Aauth=Bearer TOKEN^A^A`. */
function readXoauth2(response: Uint8Array, context: MechanismContext): MechanismStep {
  const text = textOfOctets(response);
  const pairs = text === undefined ? undefined : pairsOf(`\x01${text}`);
  const token = tokenOf(pairs);
  const login = pairs?.get('user');
  if (token === undefined || login === undefined || login.includes('\0')) return malformed;
  const { scope = '' } = context.bearerHints;
  return {
    status: 'credentials',
    credentials: { kind: 'bearer', mechanism: 'XOAUTH2', login, authorizationId: '', token },
    refusal: Buffer.from(JSON.stringify({ status: '401', schemes: 'bearer', scope })),
  };
}

function pairsOf(text: string): ReadonlyMap<string, string> | undefined {
  if (!text.startsWith('\x01') || !text.endsWith('\x01\x01')) return undefined;
  const pairs = new Map<string, string>();
  for (const pair of text.slice(1, -2).split('\x01')) {
    const at = pair.indexOf('=');
    if (at <= 0 || pairs.has(pair.slice(0, at))) return undefined;
    pairs.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return pairs;
}

/** RFC 6750 section 2.1: the scheme ignores case, the token is of few characters. */
function tokenOf(pairs: ReadonlyMap<string, string> | undefined): string | undefined {
  return /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(pairs?.get('auth') ?? '')?.[1];
}
