/** `/etc/hosts`: names that are known without asking. */
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../services/clock.js';

/** What the file says. */
export interface HostsTable {
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly names: ReadonlyMap<string, readonly string[]>;
}

const emptyTable: HostsTable = { addresses: new Map(), names: new Map() };
/** How often the file is looked at again. */
const recheckMs = 5_000;
/** A larger file is a block list for browsers, not a table of hosts. */
const fileOctetsMax = 4_194_304;

/** Gives the table, read again when the file has changed. A missing or unreadable file is an empty table. */
export function hostsFile(file: string, clock: Clock): () => Promise<HostsTable> {
  let table = emptyTable;
  let version = '';
  let checkedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock.monotonic() - checkedAtMs < recheckMs) return table;
    checkedAtMs = clock.monotonic();
    try {
      const facts = await stat(file);
      const found = `${facts.mtimeMs} ${facts.size} ${facts.ino}`;
      if (found === version) return table;
      table = facts.size > fileOctetsMax ? emptyTable : parseHosts(await readFile(file, 'utf8'));
      version = found;
    } catch {
      // No hosts file is as good as an empty one: DNS is asked.
      table = emptyTable;
      version = '';
    }
    return table;
  };
}

/** Reads the lines `address name name...`. */
export function parseHosts(text: string): HostsTable {
  const addresses = new Map<string, string[]>();
  const names = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...hosts] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    for (const host of hosts) {
      const name = host.toLowerCase();
      append(addresses, name, address);
      append(names, address, name);
    }
  }
  return { addresses, names };
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else if (!list.includes(value)) list.push(value);
}
