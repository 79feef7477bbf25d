/** A server that runs plugins of Haraka with configuration files that a test writes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type AdaptHarakaOptions, adaptHaraka } from '@postroad/adapt-haraka';
import {
  accept,
  definePlugin,
  type Finding,
  formatAddress,
  formatReversePath,
  readBody,
} from '@postroad/core';
import { type SentMessage, sendMessage, startTestMta, temporaryDirectory } from '@postroad/core/testing';
import { expect } from 'vitest';

const require = createRequire(import.meta.url);

/** The folder of a plugin from the registry, as it was installed. */
export function packaged(name: string): string {
  return dirname(require.resolve(`haraka-plugin-${name}/package.json`));
}

/** What a test sets up. */
export interface Scene extends Partial<AdaptHarakaOptions> {
  readonly plugins: readonly string[];
  /** Files of the folder `config`, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Plugins of the test's own, by name, as source. */
  readonly own?: Readonly<Record<string, string>>;
  /** Whether somebody else accepts all recipients. */
  readonly isOpen?: boolean;
}

/** A message that reached the queue. */
export interface Queued {
  readonly text: string;
  readonly sender: string;
  readonly recipients: readonly string[];
}

/** Sends messages one after another through one server; what it answered, and what was queued. */
export async function send(scene: Scene, ...messages: readonly Omit<SentMessage, 'port'>[]) {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'config'), { recursive: true });
  for (const [name, text] of Object.entries(scene.files ?? {})) {
    await mkdir(dirname(join(directory.path, 'config', name)), { recursive: true });
    await writeFile(join(directory.path, 'config', name), text);
  }
  for (const [name, text] of Object.entries(scene.own ?? {}))
    await writeFile(join(directory.path, name), text);
  const queued: Queued[] = [];
  let findings: readonly Finding[] = [];
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      if (scene.isOpen !== false) tap('recipient', () => accept());
      tap(
        'message',
        (_message, found) => {
          findings = found;
          return undefined;
        },
        { order: 'early' },
      );
      tap('enqueued', async (message, recipients) => {
        queued.push({
          text: (await readBody(message.body, 1_000_000)).toString(),
          sender: formatReversePath(message.reversePath),
          recipients: recipients.map(({ address }) => formatAddress(address)),
        });
      });
    },
  });
  const { files: _files, own: _own, isOpen: _isOpen, ...options } = scene;
  const plugin = adaptHaraka({ directory: directory.path, lookUpName: false, ...options });
  const server = await startTestMta({ plugins: [plugin, watch()] });
  try {
    const answers = [];
    for (const message of messages)
      answers.push(await sendMessage({ port: server.port('relay'), ...message }));
    const isDiscarded = () => server.logged.some(({ event }) => event === 'message discarded');
    const taken = answers.filter(({ outcome }) => outcome.startsWith('250')).length;
    await expect.poll(() => queued.length >= taken || isDiscarded(), { timeout: 10_000 }).toBe(true);
    const [first] = answers;
    if (first === undefined) throw new Error('nothing was sent');
    return { ...first, answers, queued, findings, logged: server.logged };
  } finally {
    await server.stop();
  }
}

/** A content with the fields that a good message has. */
export function contentOf(fields: string, text = 'the body\r\n'): string {
  return `From: alice@example.net\r\nDate: Sat, 28 Nov 2026 11:00:00 +0000\r\nMessage-ID: <a@example.net>\r\n${fields}\r\n${text}`;
}
