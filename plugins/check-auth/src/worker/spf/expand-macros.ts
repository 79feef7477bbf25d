/** Macros of SPF (RFC 7208 section 7). */
import { isIPv6 } from 'node:net';
import { nibblesOf } from './addresses.js';

/** What macros stand for. */
export interface MacroValues {
  /** The sender's address, with the local part `postmaster` where there is none. */
  readonly sender: string;
  readonly helloName: string;
  readonly address: string;
  /** The domain whose record is read. */
  readonly domain: string;
  /** The name of the client's address, proven; `unknown` without one. Asked for when it is needed. */
  clientName(domain: string): Promise<string>;
}

const macroPattern = /%\{([slodiphv])(\d*)(r?)([.\-+,/_=]*)\}|%%|%_|%-/gi;

/** The text with its macros expanded. */
export async function expandMacros(text: string, values: MacroValues): Promise<string> {
  if (!text.includes('%')) return text;
  const isNameNeeded = /%\{p/i.test(text);
  const clientName = isNameNeeded ? await values.clientName(values.domain) : '';
  return text.replace(
    macroPattern,
    (macro, letter: string | undefined, digits: string, reverse: string, marks: string) => {
      if (letter === undefined) return macro === '%%' ? '%' : macro === '%_' ? ' ' : '%20';
      const plain = valueOfLetter(letter.toLowerCase(), values, clientName);
      const value = transformed(plain, digits, reverse !== '', marks);
      // RFC 7208 section 7.3: a capital letter asks for what a URL can have.
      return letter === letter.toLowerCase() ? value : escaped(value);
    },
  );
}

function valueOfLetter(letter: string, values: MacroValues, clientName: string): string {
  const { sender, helloName, address, domain } = values;
  const at = sender.lastIndexOf('@');
  switch (letter) {
    case 's':
      return sender;
    case 'l':
      return sender.slice(0, at);
    case 'o':
      return sender.slice(at + 1);
    case 'd':
      return domain;
    case 'i':
      return isIPv6(address) ? nibblesOf(address).join('.') : address;
    case 'p':
      return clientName;
    case 'v':
      return isIPv6(address) ? 'ip6' : 'in-addr';
    default:
      return helloName;
  }
}

function transformed(value: string, digits: string, isReversed: boolean, marks: string): string {
  if (digits === '' && !isReversed && marks === '') return value;
  const delimiters = marks === '' ? '.' : marks;
  const parts: string[] = [''];
  for (const character of value) {
    if (delimiters.includes(character)) parts.push('');
    else parts.push(`${parts.pop()}${character}`);
  }
  if (isReversed) parts.reverse();
  return (digits === '' ? parts : parts.slice(-Math.min(Number(digits), parts.length))).join('.');
}

function escaped(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (letter) => {
    return `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}
