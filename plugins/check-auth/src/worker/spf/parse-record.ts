/** SPF records by the grammar of RFC 7208 section 12, read whole before anything of them is looked up. */
import { isIPv4, isIPv6 } from 'node:net';

/** What a mechanism that matches says. */
export type SpfQualifier = 'pass' | 'fail' | 'softfail' | 'neutral';

/** The kinds of mechanisms. */
export type SpfKind = 'all' | 'include' | 'a' | 'mx' | 'ptr' | 'ip4' | 'ip6' | 'exists';

/** One mechanism. */
export interface SpfMechanism {
  readonly qualifier: SpfQualifier;
  readonly kind: SpfKind;
  /** The domain-spec, macros and all; empty for the domain that the record is of. For `ip4` and `ip6` the network. */
  readonly target: string;
  /** How many bits of an IPv4 and of an IPv6 address count. */
  readonly prefix4: number;
  readonly prefix6: number;
}

/** A record. */
export interface SpfRecord {
  readonly mechanisms: readonly SpfMechanism[];
  /** The domain-spec of `redirect=`. */
  readonly redirect?: string;
}

const qualifiers: Readonly<Record<string, SpfQualifier>> = {
  '': 'pass',
  '+': 'pass',
  '-': 'fail',
  '~': 'softfail',
  '?': 'neutral',
};

const macroString = String.raw`(?:%\{[slodiphv]\d*r?[.\-+,/_=]*\}|%%|%_|%-|[!-$&-~])*`;
// Letters that only the text of an explanation may have (RFC 7208 section 7.2) are left out of both.
const macroPattern = new RegExp(`^${macroString}$`, 'i');
const macroEndPattern = /(?:%\{[^}]*\}|%%|%_|%-)$/;
const topLabelPattern = /^(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])$/i;
const labelOctetsMax = 63;
const zeroPattern = /%\{[a-z]0+(?:r|[^0-9]|$)/i;
const modifierPattern = /^([a-z][a-z0-9\-_.]*)=(.*)$/i;
const directivePattern = /^([+\-~?]?)([a-z0-9]+)(.*)$/i;
const cidrPattern = /^(.*?)(?:\/(0|[1-9]\d*))?(?:\/\/(0|[1-9]\d*))?$/;

/** Whether a TXT record is one of SPF (RFC 7208 section 4.5). */
export function isSpfRecord(text: string): boolean {
  return /^v=spf1(?: |$)/i.test(text);
}

/** The record; the text of what is wrong when there is an error anywhere in it (RFC 7208 section 4.6). */
export function parseSpfRecord(text: string): SpfRecord | string {
  if (/[^ -~]/.test(text)) return 'a record with characters that are not ASCII';
  const mechanisms: SpfMechanism[] = [];
  const once = new Map<string, string>();
  for (const term of text.split(' ').slice(1)) {
    if (term === '') continue;
    const modifier = modifierPattern.exec(term);
    if (modifier === null) {
      const mechanism = parseMechanism(term);
      if (mechanism === undefined) return `not a mechanism: ${shown(term)}`;
      mechanisms.push(mechanism);
      continue;
    }
    const [, name = '', value = ''] = modifier;
    const known = name.toLowerCase();
    if (known !== 'redirect' && known !== 'exp') {
      if (!isMacroString(value)) return `not a modifier: ${shown(term)}`;
      continue;
    }
    if (once.has(known)) return `${known}= comes twice`;
    if (!isDomainSpec(value)) return `not a modifier: ${shown(term)}`;
    once.set(known, value);
  }
  const redirect = once.get('redirect');
  return { mechanisms, ...(redirect === undefined ? {} : { redirect }) };
}

function parseMechanism(term: string): SpfMechanism | undefined {
  const [, sign = '', name = '', rest = ''] = directivePattern.exec(term) ?? [];
  const qualifier = qualifiers[sign] as SpfQualifier;
  const kind = name.toLowerCase();
  const made = (target: string, prefix4 = 32, prefix6 = 128): SpfMechanism | undefined =>
    prefix4 > 32 || prefix6 > 128
      ? undefined
      : { qualifier, kind: kind as SpfKind, target, prefix4, prefix6 };
  switch (kind) {
    case 'all':
      return rest === '' ? made('') : undefined;
    case 'include':
    case 'exists':
      return rest[0] === ':' && isDomainSpec(rest.slice(1)) ? made(rest.slice(1)) : undefined;
    case 'ptr':
      if (rest === '') return made('');
      return rest[0] === ':' && isDomainSpec(rest.slice(1)) ? made(rest.slice(1)) : undefined;
    case 'ip4':
    case 'ip6':
      return networkOf(kind, rest, made);
    case 'a':
    case 'mx': {
      const [, target = '', prefix4, prefix6] = cidrPattern.exec(rest) ?? [];
      if (target !== '' && (target[0] !== ':' || !isDomainSpec(target.slice(1)))) return undefined;
      return made(target.slice(1), numberOf(prefix4), numberOf(prefix6));
    }
    default:
      return undefined;
  }
}

function networkOf(
  kind: 'ip4' | 'ip6',
  rest: string,
  made: (target: string, prefix4?: number, prefix6?: number) => SpfMechanism | undefined,
): SpfMechanism | undefined {
  const [, address = '', prefix] = /^:([0-9a-f.:]+)(?:\/(0|[1-9]\d*))?$/i.exec(rest) ?? [];
  if (!(kind === 'ip4' ? isIPv4(address) : isIPv6(address))) return undefined;
  return kind === 'ip4' ? made(address, numberOf(prefix)) : made(address, undefined, numberOf(prefix));
}

/** A term may be as long as a record: for the log and the header its beginning is enough. */
function shown(term: string): string {
  return term.slice(0, 60);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function isMacroString(text: string): boolean {
  return macroPattern.test(text) && !zeroPattern.test(text);
}

/** It ends in a macro, or in a label that can be a top one. */
function isDomainSpec(text: string): boolean {
  if (!isMacroString(text)) return false;
  if (macroEndPattern.test(text)) return true;
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  const dot = bare.lastIndexOf('.');
  const isShort = bare.length - dot - 1 <= labelOctetsMax;
  return dot >= 0 && isShort && topLabelPattern.test(bare.slice(dot + 1));
}
