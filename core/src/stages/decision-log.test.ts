/** What the log, observers and the trace tell of a decision: who, by which rule, and why. */
import { expect, it } from 'vitest';
import { judgement } from '../context/judgement.js';
import { isVouchedFor, noteFinding } from '../context/noted-findings.js';
import type { RefusedEvent } from '../hooks/table.js';
import { definePlugin, type PluginUse } from '../plugin/define.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestMta } from '../testing/start-test-mta.js';
import type { Finding } from '../values/finding.js';
import { accept, deferIfAccepted, quarantine, reject } from '../values/verdict.js';

const openHouse = definePlugin({
  name: 'route-open',
  setup({ tap }) {
    tap('recipient', () => accept(), { order: 'late' });
    tap('route', () => ({ transport: 'local', accountId: 'a' }));
  },
});

/** A client that sends one message, and what it hears at the end. */
const oneMessage = (answers: { rcpt?: string; data?: string }) => `
  S: 220 ...
  C: HELO client.test
  S: 250 ...
  C: MAIL FROM:<a@example.org>
  S: 250 ...
  C: RCPT TO:<b@example.org>
  S: ${answers.rcpt ?? '250 ...'}
  ${answers.data === undefined ? '' : `C: DATA\n  S: 354 ...\n  C: Subject: x\n  C: \n  C: .\n  S: ${answers.data}`}
`;

async function play(plugins: readonly PluginUse[], script: string) {
  const server = await startTestMta({ plugins: [openHouse(), ...plugins] });
  try {
    await playDialogue({ port: server.port('relay') }, script);
    return server.logged;
  } finally {
    await server.stop();
  }
}

it('names plugin, rule and reason of a refusal in the log and to observers, never to the client', async () => {
  const events: RefusedEvent[] = [];
  const check = definePlugin({
    name: 'check-test',
    setup({ tap }) {
      tap('recipient', () => reject(550, '7.1', 'no', { rule: 'bl.example', reason: 'listed as 127.0.0.2' }));
      tap('refused', (event) => void events.push(event));
    },
  });
  const logged = await play([check()], oneMessage({ rcpt: '550 5.7.1 no' }));
  const line = logged.find(({ event }) => event === 'refused');
  const told = { plugin: 'check-test', rule: 'bl.example', reason: 'listed as 127.0.0.2' };
  expect(line?.fields).toMatchObject({ at: 'recipient', code: 550, ...told });
  expect(events[0]).toMatchObject({ by: 'check-test', grounds: { rule: 'bl.example' } });
});

it('names who deferred when nobody rejected', async () => {
  const check = definePlugin({
    name: 'check-test',
    setup: ({ tap }) =>
      tap('recipient', () => deferIfAccepted(450, '7.1', 'later', { rule: 'new', reason: 'first seen' })),
  });
  const logged = await play([check()], oneMessage({ rcpt: '450 4.7.1 later' }));
  expect(logged.find(({ event }) => event === 'refused')?.fields).toMatchObject({
    plugin: 'check-test',
    rule: 'new',
  });
});

it('hands findings that were noted early to the message hook, and shows the judgement in the trace', async () => {
  let seen: readonly Finding[] = [];
  let isVouched = false;
  const check = definePlugin({
    name: 'check-test',
    setup({ tap }) {
      tap('connect', (connection) => {
        for (let count = 0; count < 200; count++) noteFinding(connection, { source: 'at connect', score: 1 });
        return undefined;
      });
      tap('reversePath', (transaction) => {
        noteFinding(transaction, { source: 'at mail', result: 'allow' });
        isVouched = isVouchedFor(transaction) && !isVouchedFor(transaction.connection);
        return undefined;
      });
      tap('inspect', () => ({ source: 'at message' }));
      tap('message', (message, findings) => {
        seen = findings;
        message.set(judgement, 'score 3 of 5');
        return quarantine('looks odd', { rule: 'quarantine at 3' });
      });
    },
  });
  const server = await startTestMta({ plugins: [openHouse(), check()] });
  await playDialogue({ port: server.port('relay') }, oneMessage({ data: '250 ...' }));
  await server.whenLogged('delivered');
  const [trace] = await server.mta.queue.trace('a@example.org');
  await server.stop();
  expect(seen.map(({ source }) => source).slice(-3)).toEqual(['at connect', 'at mail', 'at message']);
  // Bounded, whatever a client provokes.
  expect(seen).toHaveLength(102);
  expect(isVouched).toBe(true);
  expect(trace?.entries[1]).toMatchObject({
    event: 'judged',
    detail: expect.stringMatching(/^score 3 of 5, marked: looks odd, at connect \(1\), /),
  });
  expect(server.logged.find(({ event }) => event === 'marked')?.fields).toMatchObject({
    plugin: 'check-test',
    rule: 'quarantine at 3',
    reason: 'looks odd',
  });
});

it('knows who talks before the greeting, and who does not wait for the answer to HELO or DATA', async () => {
  const seen: string[] = [];
  let isEarly = true;
  const check = definePlugin({
    name: 'check-test',
    setup({ tap }) {
      tap('connect', async (connection) => {
        if (isEarly) await expect.poll(() => connection.hasTalkedEarly).toBe(true);
        return undefined;
      });
      tap('dataStart', ({ connection: { hasTalkedEarly, hasPipelinedBadly } }) => {
        seen.push(`${hasTalkedEarly ? 'early' : 'patient'} ${hasPipelinedBadly ? 'bad' : 'good'}`);
        return undefined;
      });
    },
  });
  await using server = await startTestMta({ plugins: [openHouse(), check()] });
  const target = { port: server.port('relay') };
  const after =
    'C: MAIL FROM:<a@example.org>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 ...\nS: 250 ...\nS: 354 ...\nC: .\nS: 250 ...';
  await playDialogue(target, `C: HELO a.test\nS: 220 ...\nS: 250 ...\n${after}`);
  isEarly = false;
  await playDialogue(target, `S: 220 ...\nC: HELO a.test\nS: 250 ...\n${after}`);
  await playDialogue(target, `S: 220 ...\nC: HELO a.test\nC: NOOP\nS: 250 ...\nS: 250 ...\n${after}`);
  expect(seen).toEqual(['early good', 'patient good', 'patient bad']);
});
