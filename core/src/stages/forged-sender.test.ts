import { expect, it } from 'vitest';
import type { Message } from '../context/message.js';
import { definePlugin } from '../plugin/define.js';
import type { QueuedMessage } from '../services/queue-store.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestMta } from '../testing/start-test-mta.js';
import { isSenderForged } from './forged-sender.js';

it('marks the message of a stranger whose reverse-path fails SPF, and nobody is told of its failure', async () => {
  const queued: QueuedMessage[] = [];
  const world = definePlugin({
    name: 'world-test',
    setup({ tap }) {
      tap('recipient', () => ({ verdict: 'accept' }));
      tap('inspect', ({ envelope }) => ({
        source: 'spf',
        result: envelope.reversePath?.localPart === 'forged' ? 'fail' : 'pass',
      }));
      tap('enqueued', (message) => void queued.push(message));
    },
  });
  await using server = await startTestMta({ plugins: [world()] });
  for (const from of ['forged@a.test', 'honest@a.test']) {
    await playDialogue(
      { port: server.port('relay') },
      `
        S: 220 ...
        C: HELO c.test
        S: 250 ...
        C: MAIL FROM:<${from}>
        S: 250 ...
        C: RCPT TO:<b@nowhere.test>
        S: 250 ...
        C: DATA
        S: 354 ...
        C: Subject: x
        C:
        C: hello
        C: .
        S: 250 ...
      `,
    );
  }
  await expect.poll(() => queued.map((one) => one.origin.isSenderForged)).toEqual([true, undefined]);
});

it('reads details of other plugins, and never fails on them', () => {
  const message = {
    envelope: { reversePath: { localPart: 'a', domain: 'b.test' } },
    transaction: { connection: {} },
  } as unknown as Message;
  const of = (details: unknown) => isSenderForged(message, [{ source: 'check-auth', details }]);
  expect(of({ spf: { result: 'fail' } })).toBe(true);
  for (const details of [{ spf: { result: 'softfail' } }, { spf: null }, {}, null, 'spf', { spf: 'fail' }]) {
    expect(of(details)).toBe(false);
  }
});
