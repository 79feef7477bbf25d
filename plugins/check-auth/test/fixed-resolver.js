/** Resolvers that know a few names, in the manner of mailauth and of the core. */
import { isIPv4 } from 'node:net';
import { MailError } from '@postroad/core';
/** An error with a code, as node:dns throws them. */
export function dnsError(code) {
  return Object.assign(new Error(code), { code });
}
/** TXT records by name; everything else does not exist. */
export function textResolver(texts) {
  return async (name, type) => {
    const text = type === 'TXT' ? texts[name.toLowerCase()] : undefined;
    if (text === undefined) throw dnsError('ENOTFOUND');
    return [[text]];
  };
}
/** A resolver of the core over fixed names, with the questions it heard. */
export function fixedResolver(known) {
  const asked = [];
  const look = (kind, table = {}, name) => {
    asked.push(`${kind} ${name}`);
    const found = table[name.toLowerCase()] ?? [];
    if (found === 'down') throw new MailError('E_DNS', `${name} does not answer`);
    return found;
  };
  return {
    asked,
    mx: async () => [],
    addresses: async (name) => (isIPv4(name) ? [name] : look('A', known.addresses, name)),
    txt: async (name) => look('TXT', known.txt, name),
    names: async (address) => look('PTR', known.names, address),
  };
}
//# sourceMappingURL=fixed-resolver.js.map
