/** Who is behind an address of ours: aliases, accounts, sub-addresses, postmaster, catch-all, in this order. */
import {
  type Account,
  addressKey,
  type Directory,
  domainKey,
  formatAddress,
  isThenable,
  type Logger,
  type MailAddress,
  type MaybePromise,
  parseAddress,
} from '@postroad/core';
import type { RouteLocalConfig } from './options.js';

/** One who gets the mail: an account of ours, or, by an alias, an address elsewhere. */
export type Target =
  | {
      readonly kind: 'account';
      readonly address: MailAddress;
      readonly account: Account;
      readonly detail: string | undefined;
    }
  | { readonly kind: 'elsewhere'; readonly address: MailAddress };

/** Look-ups in the local domains. */
export interface LocalAddresses {
  /** Whether it is for us to say who is behind it. The `<postmaster>` without a domain is (RFC 5321 section 4.5.1). */
  isLocal(address: MailAddress): boolean;
  /**
   * Everybody behind a local address, without duplicates; nobody when it is unknown. Throws when the directory does. The
   * answer itself for an account's own address, when the directory knows it at once: this is asked for every recipient.
   */
  resolve(address: MailAddress): MaybePromise<readonly Target[]>;
}

/** How deep aliases of aliases are followed. */
const depthMax = 20;

/** Compiles the tables of the configuration. */
export function createLocalAddresses(
  config: RouteLocalConfig,
  directory: Directory,
  log: Logger,
): LocalAddresses {
  const domains = new Set(config.domains.map(domainKey));
  const mainDomain = config.domains[0] as string;
  const aliases = compileAliases(config);
  const catchAll = compileCatchAll(config);
  const postmaster = config.postmaster === undefined ? undefined : mustParse(config.postmaster);
  const isLocal = (address: MailAddress) => address.domain === '' || domains.has(domainKey(address.domain));

  /**
   * `path` are the addresses being expanded: one that leads back to itself means the account of that name. `asked` is what
   * the directory was asked about the address already.
   */
  async function expand(
    address: MailAddress,
    path: readonly string[],
    asked?: MaybePromise<Account | undefined>,
  ): Promise<readonly Target[]> {
    if (!isLocal(address)) return [{ kind: 'elsewhere', address }];
    if (path.length > depthMax) {
      log.error('aliases are nested too deeply', { address: formatAddress(address) });
      return [];
    }
    const key = addressKey(address);
    const follow = async (targets: readonly MailAddress[]) =>
      (await Promise.all(targets.map((target) => expand(target, [...path, key])))).flat();
    const aliased = path.includes(key) ? undefined : aliases(address);
    if (aliased !== undefined) return follow(aliased);
    const account = await (asked ?? directory.byAddress(address));
    if (account !== undefined) return [ownAddress(address, account)];
    const below = splitDetail(address, config.subaddressSeparator);
    if (below !== undefined) {
      const found = await subaddressed(address, below, path, follow);
      if (found !== undefined) return found;
    }
    if (path.includes(key)) return [];
    if (isPostmaster(address))
      return postmaster === undefined ? firstAccount(directory) : follow([postmaster]);
    const last = catchAll(address);
    return last === undefined ? [] : follow([last]);
  }

  async function subaddressed(
    address: MailAddress,
    { base, detail }: { base: MailAddress; detail: string },
    path: readonly string[],
    follow: (targets: readonly MailAddress[]) => Promise<readonly Target[]>,
  ): Promise<readonly Target[] | undefined> {
    const aliased = path.includes(addressKey(base)) ? undefined : aliases(base);
    if (aliased !== undefined) return follow(aliased);
    const account = await directory.byAddress(base);
    return account === undefined ? undefined : [{ kind: 'account', address, account, detail }];
  }

  return {
    isLocal,
    resolve(address) {
      const whole = address.domain === '' ? { ...address, domain: mainDomain } : address;
      if (!isLocal(whole) || aliases(whole) !== undefined) return expand(whole, []).then(withoutDuplicates);
      const account = directory.byAddress(whole);
      if (account !== undefined && !isThenable(account)) return [ownAddress(whole, account)];
      return expand(whole, [], account).then(withoutDuplicates);
    },
  };
}

function ownAddress(address: MailAddress, account: Account): Target {
  return { kind: 'account', address, account, detail: undefined };
}

async function firstAccount(directory: Directory): Promise<readonly Target[]> {
  for await (const account of directory.list()) {
    const address = account.addresses[0];
    if (address !== undefined) return [{ kind: 'account', address, account, detail: undefined }];
  }
  return [];
}

function compileAliases(
  config: RouteLocalConfig,
): (address: MailAddress) => readonly MailAddress[] | undefined {
  const exact = new Map<string, readonly MailAddress[]>();
  const everywhere = new Map<string, readonly MailAddress[]>();
  for (const [name, to] of Object.entries(config.aliases)) {
    const targets = (typeof to === 'string' ? [to] : to).map(mustParse);
    if (name.includes('@')) exact.set(addressKey(mustParse(name)), targets);
    else everywhere.set(localKey(mustParse(`${name}@example.org`)), targets);
  }
  return (address) => exact.get(addressKey(address)) ?? everywhere.get(localKey(address));
}

function compileCatchAll(config: RouteLocalConfig): (address: MailAddress) => MailAddress | undefined {
  const { catchAll } = config;
  if (catchAll === undefined) return () => undefined;
  if (typeof catchAll === 'string') {
    const target = mustParse(catchAll);
    return () => target;
  }
  const byDomain = new Map(Object.entries(catchAll).map(([name, to]) => [domainKey(name), mustParse(to)]));
  return (address) => byDomain.get(domainKey(address.domain));
}

/** RFC 5233 section 1: the user is what stands before the first separator. */
function splitDetail(address: MailAddress, separator: string | false) {
  if (separator === false) return undefined;
  const at = address.localPart.indexOf(separator);
  if (at <= 0) return undefined;
  const base = { ...address, localPart: address.localPart.slice(0, at) };
  return { base, detail: address.localPart.slice(at + separator.length) };
}

function withoutDuplicates(targets: readonly Target[]): readonly Target[] {
  const byKey = new Map<string, Target>();
  for (const target of targets) {
    const key = addressKey(target.address);
    if (!byKey.has(key)) byKey.set(key, target);
  }
  return [...byKey.values()];
}

/** RFC 5321 section 4.5.1: in any case of letters. */
function isPostmaster(address: MailAddress): boolean {
  return address.localPart.toLowerCase() === 'postmaster';
}

function localKey(address: MailAddress): string {
  return addressKey({ ...address, domain: '' });
}

/** The schema has checked it already. */
function mustParse(text: string): MailAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new TypeError(`not a mail address: ${text}`);
  return address;
}
