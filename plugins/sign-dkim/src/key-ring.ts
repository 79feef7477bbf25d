/**
 * The keys of a running server. A key signs once its record is published; the one it takes over from stays published
 * for a while, because signatures of it are under way, and is deleted then.
 */
import type { KeyObject } from 'node:crypto';
import { type Clock, isMailError, type Logger, messageOf, type Resolver } from '@postroad/core';
import { deletePrivateKey, type KeyFacts, listKeys, readPrivateKey, writeFacts } from './key-files.js';
import { isPublished, recordName, stateOf } from './key-record.js';
import type { SignDkimConfig } from './options.js';

/** A key that signs. */
export interface SigningKey {
  readonly facts: KeyFacts;
  readonly key: KeyObject;
}

/** What a ring is made of. */
export interface KeyRingOptions {
  readonly config: Pick<SignDkimConfig, 'directory' | 'retireMs' | 'waitsForDns'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly resolver: Pick<Resolver, 'txt'>;
  readonly log: Logger;
}

/** The ring. */
export interface KeyRing {
  /** The keys for mail from this domain: its own, or those of the nearest domain above it. */
  keysFor(domain: string): readonly SigningKey[];
  /** All keys, as they are known. */
  all(): readonly KeyFacts[];
  /** Reads the directory and moves keys on. Rejects when it can't be read; what was known then still holds. */
  refresh(signal?: AbortSignal): Promise<void>;
}

/** Makes a ring that is empty until `refresh`. */
export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { directory } = options.config;
  let known: readonly KeyFacts[] = [];
  let signing: ReadonlyMap<string, readonly SigningKey[]> = new Map();
  const opened = new Map<string, KeyObject>();

  const open = async (facts: KeyFacts): Promise<SigningKey | undefined> => {
    const id = `${recordName(facts)} ${facts.publicKey}`;
    try {
      const key = opened.get(id) ?? (await readPrivateKey(directory, facts));
      opened.set(id, key);
      return { facts, key };
    } catch (error) {
      // The other keys of the domain still sign.
      options.log.error('a DKIM key can not be used', { key: recordName(facts), reason: messageOf(error) });
      return undefined;
    }
  };
  return {
    keysFor(domain) {
      for (let name = domain; name.includes('.'); name = name.slice(name.indexOf('.') + 1)) {
        const keys = signing.get(name);
        if (keys !== undefined) return keys;
      }
      return [];
    },
    all: () => known,
    async refresh(signal) {
      const moved = await moveOn(await listKeys(directory), options, signal);
      const next = new Map<string, SigningKey[]>();
      for (const facts of moved.filter((one) => stateOf(one) === 'signing')) {
        const key = await open(facts);
        if (key === undefined) continue;
        const others = next.get(facts.domain) ?? [];
        // Of each kind the one that was published last.
        next.set(facts.domain, [...others.filter((one) => one.facts.algorithm !== facts.algorithm), key]);
      }
      const inUse = new Set(moved.map((facts) => `${recordName(facts)} ${facts.publicKey}`));
      for (const id of opened.keys()) if (!inUse.has(id)) opened.delete(id);
      known = moved;
      signing = next;
    },
  };
}

async function moveOn(
  keys: readonly KeyFacts[],
  options: KeyRingOptions,
  signal: AbortSignal | undefined,
): Promise<readonly KeyFacts[]> {
  const { config, clock, log } = options;
  const nowMs = clock.now();
  const change = async (facts: KeyFacts, event: string): Promise<KeyFacts> => {
    await writeFacts(config.directory, facts);
    log.info(event, { key: recordName(facts), algorithm: facts.algorithm });
    return facts;
  };
  const activated = await Promise.all(
    keys.map(async (facts) => {
      if (stateOf(facts) !== 'waiting' || !(await mayBegin(facts, options, signal))) return facts;
      return await change({ ...facts, activatedAtMs: nowMs }, 'a DKIM key begins to sign');
    }),
  );
  return await Promise.all(
    activated.map(async (facts) => {
      const state = stateOf(facts);
      if (state === 'signing' && hasSuccessor(facts, activated)) {
        return await change({ ...facts, retiredAtMs: nowMs }, 'a DKIM key is retired');
      }
      if (state === 'retired' && nowMs >= (facts.retiredAtMs ?? 0) + config.retireMs) {
        await deletePrivateKey(config.directory, facts);
        return await change({ ...facts, removedAtMs: nowMs }, 'a DKIM key is deleted: its record may go');
      }
      return facts;
    }),
  );
}

function hasSuccessor(facts: KeyFacts, keys: readonly KeyFacts[]): boolean {
  return keys.some(
    (other) =>
      other.domain === facts.domain &&
      other.algorithm === facts.algorithm &&
      stateOf(other) === 'signing' &&
      keys.indexOf(other) > keys.indexOf(facts),
  );
}

async function mayBegin(
  facts: KeyFacts,
  { config, resolver, log }: KeyRingOptions,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (!config.waitsForDns) return true;
  try {
    return isPublished(facts, await resolver.txt(recordName(facts), signal));
  } catch (error) {
    if (!isMailError(error, 'E_DNS')) throw error;
    log.debug('the record of a DKIM key could not be looked up', { key: recordName(facts) });
    return false;
  }
}
