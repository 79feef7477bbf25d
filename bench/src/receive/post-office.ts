/** How the bench sets up the post office of `examples/post-office`, however many processes it has. */
import type { MtaOptions } from '@postroad/core';

/** What is used of the example. */
interface PostOffice {
  postOffice(options: object): MtaOptions;
  usersFileOf(options: object): string;
  prepareAccounts(path: string, options: { domain: string; hasDemo: boolean }): Promise<void>;
}

/** Where the example's modules are. */
export const builtPostOffice = new URL('../../../examples/post-office/dist/', import.meta.url);

/** The example, which must have been built. */
export async function loadPostOffice(): Promise<PostOffice> {
  return {
    ...(await import(new URL('post-office.js', builtPostOffice).href)),
    ...(await import(new URL('accounts.js', builtPostOffice).href)),
  } as PostOffice;
}

const names = ['smtp', 'submission', 'submissions', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s'];

/** Its options, with all data in a directory and any free ports. */
export function postOfficeOptions(directory: string) {
  return {
    host: '127.0.0.1',
    domain: 'example.org',
    hostname: 'bench.example',
    dataDirectory: directory,
    ports: Object.fromEntries(names.map((name) => [name, 0])),
    dnsServers: [],
    mxPort: 25,
    isPrivateMxAllowed: false,
    retryDelaysMs: [],
    sizeBytesMax: undefined,
    // It has nothing to say but that no route was found.
    logLevel: 'silent',
  } as const;
}
