/** Adding a set to the chain of those who handed a message on (RFC 8617 section 5.1). */
import type { KeyObject } from 'node:crypto';
import {
  type Body,
  canonicalField,
  createDkimBodyHash,
  foldSignature,
  formatAuthenticationResults,
  formatTags,
  type HeaderPrefix,
  type MessageAuthentication,
  type NewHeaderField,
  renderHeaderPrefix,
  type SignedField,
  selectFields,
  signedFields,
  signField,
  signOctets,
} from '@postroad/core';
import type { SignArcConfig } from './options.js';

/** What is to be sealed. */
export interface SealQuestion {
  readonly hostname: string;
  readonly prefix: HeaderPrefix;
  readonly body: Body;
  readonly authentication: MessageAuthentication;
  readonly key: KeyObject;
  readonly nowMs: number;
}

/** Longer chains are not sealed (RFC 8617 section 4.2.1). */
const instancesMax = 50;
const setFields = ['arc-authentication-results', 'arc-message-signature', 'arc-seal'] as const;

/** The three fields, the seal on top; `undefined` for a chain that must not be added to. */
export async function sealMessage(
  question: SealQuestion,
  config: SignArcConfig,
): Promise<readonly NewHeaderField[] | undefined> {
  const { hostname, prefix, body, authentication, key } = question;
  const section = Buffer.concat([Buffer.from(renderHeaderPrefix(prefix)), body.headerBytes]);
  const fields = signedFields(section);
  const chain = setsOf(fields);
  const verdict = chainVerdict(fields, chain, authentication);
  if (verdict === undefined) return undefined;
  const instance = String(highestInstance(fields) + 1);
  const seconds = String(Math.floor(question.nowMs / 1_000));

  const results = {
    name: 'ARC-Authentication-Results',
    value: `i=${instance}; ${formatAuthenticationResults(hostname, authentication.results)}`,
  };
  const hash = createDkimBodyHash('relaxed');
  for await (const octets of body.open({ start: body.headerSizeBytes, end: body.sizeBytes }))
    hash.update(octets);
  const { names, canonical } = selectFields(fields, config.signed, [], 'relaxed');
  const signature = {
    name: 'ARC-Message-Signature',
    value: await signField({
      fieldName: 'ARC-Message-Signature',
      tags: [
        ['i', instance],
        ['a', 'rsa-sha256'],
        ['c', 'relaxed/relaxed'],
        ['d', config.domain],
        ['s', config.selector],
        ['t', seconds],
        ['h', names.join(':')],
        ['bh', hash.digest()],
      ],
      canonical,
      canonicalization: 'relaxed',
      key,
    }),
  };
  const tags = [
    ['i', instance],
    ['a', 'rsa-sha256'],
    ['t', seconds],
    ['cv', verdict],
    ['d', config.domain],
    ['s', config.selector],
  ] as const;
  // RFC 8617 section 5.1.2: a chain that failed is sealed for the last time, and only the new set is.
  const before = verdict === 'fail' ? '' : canonicalSets(chain);
  const seal = await sealSets(`${before}${canonicalOf(results)}${canonicalOf(signature)}`, tags, key);
  return [seal, signature, results];
}

async function sealSets(
  canonical: string,
  tags: readonly (readonly [string, string])[],
  key: KeyObject,
): Promise<NewHeaderField> {
  const name = 'ARC-Seal';
  const value = formatTags(tags);
  const own = canonicalField(`${name}: ${value}\r\n`, 'relaxed').slice(0, -2);
  return {
    name,
    value: `${value}${foldSignature(await signOctets(Buffer.from(`${canonical}${own}`, 'latin1'), key))}`,
  };
}

/** `undefined` when nobody may add to the chain any more, or its state is not known for now. */
function chainVerdict(
  fields: readonly SignedField[],
  chain: readonly (readonly SignedField[])[],
  { arc }: MessageAuthentication,
): 'none' | 'pass' | 'fail' | undefined {
  if (highestInstance(fields) === 0) return 'none';
  if (highestInstance(fields) >= instancesMax || arc === undefined || arc.isTemporary === true)
    return undefined;
  const newest = chain.at(-1)?.find(({ name }) => name === 'arc-seal');
  if (newest !== undefined && /[;\s]cv\s*=\s*fail\s*(?:;|$)/i.test(newest.octets)) return undefined;
  return arc.result === 'pass' ? 'pass' : 'fail';
}

function instanceOf(field: SignedField): number {
  return Number(/^[^:]*:(?:.*?;)?\s*i\s*=\s*(\d{1,3})\s*(?:;|$)/is.exec(field.octets)?.[1] ?? 0);
}

function highestInstance(fields: readonly SignedField[]): number {
  const instances = fields.filter(({ name }) => setFields.some((one) => one === name)).map(instanceOf);
  return Math.max(0, ...instances);
}

/** The whole sets, oldest first. */
function setsOf(fields: readonly SignedField[]): readonly (readonly SignedField[])[] {
  const sets: SignedField[][] = [];
  for (let instance = 1; instance <= instancesMax; instance++) {
    const set = setFields.flatMap(
      (name) => fields.find((field) => field.name === name && instanceOf(field) === instance) ?? [],
    );
    if (set.length < setFields.length) break;
    sets.push(set);
  }
  return sets;
}

function canonicalSets(sets: readonly (readonly SignedField[])[]): string {
  return sets
    .flat()
    .map(({ octets }) => canonicalField(octets, 'relaxed'))
    .join('');
}

function canonicalOf({ name, value }: NewHeaderField): string {
  return canonicalField(Buffer.from(`${name}: ${value}\r\n`).toString('latin1'), 'relaxed');
}
