/** SCRAM-SHA-256 (RFC 7677) and SCRAM-SHA-1 (RFC 5802), with and without channel binding. */
import { timingSafeEqual } from 'node:crypto';
import type { ChannelBindingType } from '../context/connection.js';
import type { ScramDirectory, ScramHash, ScramKeys } from '../services/directory.js';
import type { Account } from '../values/identity.js';
import { textOfOctets } from './base64.js';
import {
  type Mechanism,
  type MechanismContext,
  type MechanismStep,
  malformed,
  nothing,
} from './mechanism.js';
import { hashLength, isProof, saltOfNobody, serverSignature } from './scram-keys.js';
import { type ClientFirst, type Gs2Header, readClientFinal, readClientFirst } from './scram-messages.js';

/** What was agreed on in the first round. */
interface Round {
  readonly first: ClientFirst;
  readonly serverFirst: string;
  readonly nonce: string;
  readonly keys: ScramKeys;
  readonly account: Account | undefined;
}

const bindings: readonly string[] = ['tls-exporter', 'tls-server-end-point'] satisfies ChannelBindingType[];

/** A SCRAM exchange; `isPlus` for the mechanism whose name ends so. */
export function scram(
  hash: ScramHash,
  isPlus: boolean,
  directory: ScramDirectory,
  context: MechanismContext,
): Mechanism {
  const mechanism = `SCRAM-${hash}${isPlus ? '-PLUS' : ''}`;
  let round: Round | undefined;
  return {
    greeting: nothing,
    async step(response) {
      const text = textOfOctets(response);
      if (text === undefined) return malformed;
      if (round !== undefined) return finish(mechanism, hash, round, text, context);
      const first = readClientFirst(text);
      if (first === undefined || !isBindingRight(first.header, isPlus, context)) return malformed;
      round = await answer(first, hash, directory, context);
      return { status: 'challenge', challenge: Buffer.from(round.serverFirst) };
    },
  };
}

/** RFC 5802 section 6: "p" with -PLUS and only there; "y" although we offered it means that somebody took it away. */
function isBindingRight({ binding }: Gs2Header, isPlus: boolean, context: MechanismContext): boolean {
  if (isPlus) return binding.kind === 'used' && bindingOf(binding.type, context) !== undefined;
  return binding.kind === 'unsupported' || (binding.kind === 'not-offered' && !context.isPlusOffered);
}

function bindingOf(type: string, context: MechanismContext): Uint8Array | undefined {
  return bindings.includes(type) ? context.binding(type as ChannelBindingType) : undefined;
}

async function answer(
  first: ClientFirst,
  hash: ScramHash,
  directory: ScramDirectory,
  context: MechanismContext,
): Promise<Round> {
  const known = await directory.keys(first.login, hash, context.signal);
  // RFC 5802 section 9: who asks learns nothing of whether there is such a login. Nobody's keys fit no proof.
  const keys = known?.keys ?? keysOfNobody(hash, directory, first.login);
  const nonce = first.nonce + context.serverNonce();
  const salt = Buffer.from(keys.salt).toString('base64');
  const serverFirst = `r=${nonce},s=${salt},i=${keys.iterations}`;
  return { first, serverFirst, nonce, keys, account: known?.account };
}

function keysOfNobody(hash: ScramHash, { secret, iterations }: ScramDirectory, login: string): ScramKeys {
  const key = Buffer.alloc(hashLength(hash));
  return { salt: saltOfNobody(secret, hash, login), iterations, storedKey: key, serverKey: key };
}

function finish(
  mechanism: string,
  hash: ScramHash,
  round: Round,
  text: string,
  context: MechanismContext,
): MechanismStep {
  const { first, keys, account } = round;
  const final = readClientFinal(text);
  if (final === undefined || !isSame(final.nonce, round.nonce)) return malformed;
  const isBound = isSame(final.channelBinding, expectedBinding(first.header, context));
  const message = `${first.bare},${round.serverFirst},${final.withoutProof}`;
  const isRight = isProof(hash, keys, message, Buffer.from(final.proof, 'base64')) && isBound;
  const provenAccount = isRight ? account : undefined;
  const { authorizationId } = first.header;
  return {
    status: 'credentials',
    credentials: { kind: 'scram', mechanism, login: first.login, authorizationId, provenAccount },
    proof: Buffer.from(`v=${serverSignature(hash, keys, message)}`),
  };
}

/** RFC 5802 section 7: the header as it was sent, and the binding's octets behind it. */
function expectedBinding(header: Gs2Header, context: MechanismContext): string {
  const octets = header.binding.kind === 'used' ? bindingOf(header.binding.type, context) : nothing;
  return Buffer.concat([Buffer.from(header.text), octets ?? nothing]).toString('base64');
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
