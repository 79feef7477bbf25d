/** `postroad spam learn|judge|status`: safe while the server runs, which sees what was learnt at once. */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type Body,
  bodyFromBytes,
  MailError,
  messageOf,
  type PluginCommand,
  systemClock,
} from '@postroad/core';
import { classify } from './classify.js';
import { tokensOfMessage } from './message-words.js';
import type { CheckBayesConfig } from './options.js';
import { type Kind, type Lesson, openStatistics, type Statistics } from './statistics.js';

/** Messages that are learnt in one commit. */
const lessonsAtOnce = 100;
const messageOctetsMax = 52_428_800;
const account = {
  kind: 'string',
  description: "an account's own statistics instead of the server's",
} as const;

/** The commands of the plugin. */
export const spamCommands: readonly PluginCommand<CheckBayesConfig>[] = [
  {
    name: 'spam learn',
    description: 'Learn messages as spam or ham: a file, an mbox, or a directory (a Maildir too).',
    args: {
      kind: { kind: 'positional', description: 'spam or ham', isRequired: true },
      path: { kind: 'positional', description: 'file or directory', isRequired: true },
      account,
    },
    run: ({ config, args, terminal }) =>
      withStatistics(config, async (statistics) => {
        const kind = readKind(args.kind);
        const scope = typeof args.account === 'string' ? args.account : undefined;
        const tokensMax = scope === undefined ? config.tokensMax : config.accountTokensMax;
        let messages = 0;
        let learnt = 0;
        let lessons: Lesson[] = [];
        const flush = async () => {
          learnt += await statistics.learn(scope, kind, lessons, tokensMax);
          lessons = [];
        };
        for await (const body of messagesOf(String(args.path))) {
          messages++;
          lessons.push({ tokens: await tokensOfMessage(body, config.wordsMax), key: body.sha256 });
          await body.release();
          if (lessons.length >= lessonsAtOnce) await flush();
        }
        await flush();
        terminal.result([{ kind, messages, learnt, knownBefore: messages - learnt }]);
      }),
  },
  {
    name: 'spam judge',
    description: 'Say how likely messages are spam.',
    args: { path: { kind: 'positional', description: 'file or directory', isRequired: true }, account },
    run: ({ config, args, terminal }) =>
      withStatistics(config, async (statistics) => {
        const scope = typeof args.account === 'string' ? args.account : undefined;
        const rows = [];
        for await (const body of messagesOf(String(args.path))) {
          const tokens = await tokensOfMessage(body, config.wordsMax);
          const { probability } = classify(statistics.counts(scope, tokens), statistics.learnt(scope));
          rows.push({ subject: body.header.get('subject') ?? '', probability: probability.toFixed(3) });
          await body.release();
        }
        terminal.result(rows);
      }),
  },
  {
    name: 'spam status',
    description: 'Say how much was learnt.',
    args: { account },
    run: ({ config, args, terminal }) =>
      withStatistics(config, async (statistics) => {
        const scope = typeof args.account === 'string' ? args.account : undefined;
        terminal.result([{ of: scope ?? 'server', ...statistics.learnt(scope) }]);
      }),
  },
];

async function withStatistics(config: CheckBayesConfig, work: (statistics: Statistics) => Promise<void>) {
  const statistics = await openStatistics(config.directory, () => systemClock.now());
  try {
    await work(statistics);
  } finally {
    await statistics.close();
  }
}

function readKind(text: unknown): Kind {
  if (text === 'spam' || text === 'ham') return text;
  throw new MailError('E_USAGE', 'say spam or ham, and then the path');
}

/** The messages of a file, an mbox or a directory, one after another. */
async function* messagesOf(path: string): AsyncGenerator<Body> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new MailError('E_NOT_FOUND', `${path} can't be read: ${messageOf(cause)}`, { cause });
  });
  if (found.isDirectory()) {
    for (const entry of (await readdir(path, { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (entry.name.startsWith('.') || entry.name === 'tmp') continue;
      if (entry.isDirectory() || entry.isFile()) yield* messagesOf(join(path, entry.name));
    }
    return;
  }
  if (await isMbox(path)) {
    yield* messagesOfMbox(path);
    return;
  }
  if (found.size <= messageOctetsMax) yield bodyOf((await readFile(path)).toString('latin1'));
}

async function isMbox(path: string): Promise<boolean> {
  for await (const chunk of createReadStream(path, { end: 4 })) return String(chunk) === 'From ';
  return false;
}

/** Messages begin with a line `From ` behind an empty one (RFC 4155); quoted ones lose their quote. */
async function* messagesOfMbox(path: string): AsyncGenerator<Body> {
  let lines: string[] = [];
  let octets = 0;
  let isAfterEmpty = true;
  for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
    if (isAfterEmpty && line.startsWith('From ')) {
      if (lines.length > 0 && octets <= messageOctetsMax) yield bodyOf(lines.join('\n'));
      lines = [];
      octets = 0;
    } else {
      octets += line.length + 1;
      if (octets <= messageOctetsMax) lines.push(line.replace(/^>(>*From )/, '$1'));
    }
    isAfterEmpty = line === '';
  }
  if (lines.length > 0 && octets <= messageOctetsMax) yield bodyOf(lines.join('\n'));
}

function bodyOf(text: string): Body {
  return bodyFromBytes(Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1'));
}
