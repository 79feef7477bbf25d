/** What the tests of signing share: a place for keys, DNS that can be written, and a server that shows what it sends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, definePlugin, type PluginCommand, type Resolver, readBody } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, beforeEach } from 'vitest';
import { dkimCommands } from '../src/commands.js';
import { config, type SignDkimOptions } from '../src/options.js';
import { signDkim } from '../src/sign-dkim.js';

/** Where the keys of a test are. */
export let directory: string;
/** TXT records that exist. */
export const texts = new Map<string, string>();

/** Knows what is in `texts`. */
export const resolver: Resolver = {
  mx: async () => [],
  addresses: async () => [],
  names: async () => [],
  txt: async (name) => [texts.get(name) ?? []].flat(),
};

/** Makes and clears the places for each test. */
export function useDirectory(): void {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sign-dkim-'));
    texts.clear();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
}

/** A row that a command prints. */
export type Row = Readonly<Record<string, string>>;

/** Runs a command of the plugin. */
export async function run(name: string, args: Record<string, string> = {}): Promise<readonly Row[]> {
  const command = dkimCommands.find((one) => one.name === name) as PluginCommand<
    ReturnType<typeof config.parse>
  >;
  const rows: Row[] = [];
  await command.run({
    config: config.parse({ directory }),
    args,
    call: async () => undefined,
    terminal: {
      isJson: true,
      isInteractive: false,
      print() {},
      result: (found) => void rows.push(...(found as Row[])),
      askSecret: async () => '',
    },
  });
  return rows;
}

/** Publishes records. */
export function publish(rows: readonly Row[]): void {
  for (const row of rows) texts.set(String(row.record), String(row.text));
}

/** A server that signs. */
export interface Signer extends AsyncDisposable {
  readonly server: TestMta;
  /** Sends from a program, and gives what would go over the wire. */
  send(content: string): Promise<string>;
  /** What was sent last. */
  last(): string;
}

/** Starts it. */
export async function startSigner(options: Partial<SignDkimOptions> = {}): Promise<Signer> {
  const sent: string[] = [];
  let wake = () => {};
  const others = definePlugin({
    name: 'observe-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('header', (_message, _findings, prefix) => [
        { name: 'X-Other', value: 'of another plugin' },
        ...prefix,
      ]);
      tap('enqueued', async (message) => {
        const body = await readBody(message.body, 100_000_000);
        sent.push(message.headerPrefix + body.toString('latin1'));
        wake();
      });
    },
  });
  const server = await startTestMta({ plugins: [signDkim({ directory, ...options }), others()], resolver });
  return {
    server,
    last: () => sent.at(-1) ?? '',
    async send(content) {
      const recipients = [{ address: { localPart: 'b', domain: 'example.net' } }];
      const before = sent.length;
      await server.mta.submit({ reversePath: null, recipients }, Buffer.from(content, 'latin1'));
      while (sent.length === before) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return sent.at(-1) ?? '';
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
