/** Signing a message as it will be sent: the fields that we put in front of it are signed with its own. */
import {
  type Body,
  type ChangedMessage,
  createDkimBodyHash,
  type DkimCanonicalization,
  dkimAlgorithm,
  domainKey,
  type NewHeaderField,
  parseAddressList,
  selectFields,
  signedFields,
  signField,
} from '@postroad/core';
import type { SigningKey } from './key-ring.js';
import type { SignDkimConfig } from './options.js';

/** What is to be signed. */
export interface SigningQuestion extends ChangedMessage {
  readonly keys: readonly SigningKey[];
  readonly nowMs: number;
}

/** A signature by each of the keys. The body is read once, whatever their number. */
export async function signMessage(
  { headerPrefix, header: ownHeader, content: openContent, keys, nowMs }: SigningQuestion,
  config: SignDkimConfig,
): Promise<readonly NewHeaderField[]> {
  const [header, content] = config.canonicalization.split('/') as [
    DkimCanonicalization,
    DkimCanonicalization,
  ];
  const hash = createDkimBodyHash(content);
  for await (const octets of openContent()) hash.update(octets);
  const bodyHash = hash.digest();
  const section = Buffer.concat([Buffer.from(headerPrefix), ownHeader]);
  const { names, canonical } = selectFields(signedFields(section), config.signed, config.oversigned, header);
  const seconds = Math.floor(nowMs / 1_000);
  return await Promise.all(
    keys.map(async ({ facts, key }) => {
      const tags = [
        ['v', '1'],
        ['a', dkimAlgorithm(key)],
        ['c', config.canonicalization],
        ['d', facts.domain],
        ['s', facts.selector],
        ['t', String(seconds)],
        ['x', String(seconds + Math.floor(config.expireMs / 1_000))],
        ['h', names.join(':')],
        ['bh', bodyHash],
      ] as const;
      const name = 'DKIM-Signature';
      return {
        name,
        value: await signField({ fieldName: name, tags, canonical, canonicalization: header, key }),
      };
    }),
  );
}

/** The domain of From; `undefined` when there is not exactly one. */
export function fromDomain(body: Body): string | undefined {
  const fields = body.header.all('from');
  const [field] = fields;
  if (field === undefined || fields.length !== 1) return undefined;
  const domains = new Set<string>();
  for (const { host } of parseAddressList(field.value) ?? []) if (host) domains.add(domainKey(host));
  const [domain] = domains;
  return domains.size === 1 ? domain : undefined;
}
