/** Sending one message through milters that do what a test says. */
import { adaptMilter, type MilterOptions } from '@postroad/adapt-milter';
import { accept, definePlugin, formatAddress, formatReversePath, readBody, reject } from '@postroad/core';
import { sendMessage, startTestMta } from '@postroad/core/testing';
import { expect } from 'vitest';
import { type Script, startScriptedMilter } from './scripted-milter.js';

/** What is sent when a test says nothing else. */
export const content = 'Subject: hello\r\nX-Old: 1\r\nX-Old: 2\r\nX-Folded: a\r\n\tb\r\n\r\nthe body\r\n';

/** What reached the queue. */
export interface Queued {
  readonly text: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly quarantine: string | undefined;
}

/** Sends it through these milters. */
export async function send(
  milters: readonly (MilterOptions | string)[],
  to = ['bob@example.org'],
  text = content,
) {
  const queued: Queued[] = [];
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', (_transaction, { address }) =>
        address.localPart === 'nobody' ? reject(550, '1.1', 'no such user') : accept(),
      );
      tap('enqueued', async (message, recipients) => {
        queued.push({
          text: (await readBody(message.body, 1_000_000)).toString(),
          sender: formatReversePath(message.reversePath),
          recipients: recipients.map(({ address }) => formatAddress(address)),
          quarantine: message.quarantine,
        });
      });
    },
  });
  const server = await startTestMta({ plugins: [adaptMilter({ milters, lookUpName: false }), watch()] });
  const answers = await sendMessage({ port: server.port('relay'), to, content: text });
  const isDiscarded = () => server.logged.some(({ event }) => event === 'message discarded');
  if (answers.outcome.startsWith('250')) {
    await expect.poll(() => queued.length > 0 || isDiscarded(), { timeout: 10_000 }).toBe(true);
  }
  await server.stop();
  return { ...answers, queued: queued[0] };
}

/** Sends it through one milter that does what the script says. */
export async function sendWith(script: Script, to?: string[], options: Partial<MilterOptions> = {}) {
  await using milter = await startScriptedMilter(script);
  const sent = await send([{ servers: [`127.0.0.1:${milter.port}`], timeoutMs: 2_000, ...options }], to);
  if (script.answer === undefined && Object.keys(options).length === 0) {
    await expect.poll(() => milter.heard.at(-1)).toBe('Q');
  }
  return { ...sent, heard: milter.heard };
}

/** Answers at the end of the message. */
export const atEnd =
  (...answers: readonly Buffer[]): Script['answer'] =>
  (letter) =>
    letter === 'E' ? answers : undefined;
