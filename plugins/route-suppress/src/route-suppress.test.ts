import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  accept,
  classifyBounce,
  definePlugin,
  type PluginUse,
  type ReceivedReport,
  type Reply,
  Reports,
  reply,
  type SettledEvent,
  systemClock,
} from '@postroad/core';
import { createVirtualClock, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatLine } from './entry.js';
import { routeSuppress } from './route-suppress.js';
import { SuppressionList } from './suppression-list.js';

let directory = '';
let file = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-suppress-'));
  file = join(directory, 'list', 'suppressed');
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

interface World {
  readonly server: TestMta;
  readonly settled: SettledEvent[];
  readonly tried: string[];
  send(localPart: string): Promise<void>;
}

/** A server whose deliveries all get this answer, from another server or from ourselves. */
async function start(answer: Reply, isRemote = true): Promise<World> {
  const settled: SettledEvent[] = [];
  const tried: string[] = [];
  const others: PluginUse = definePlugin({
    name: 'deliver-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
      tap('deliver', ({ recipients }) => ({
        outcomes: recipients.map(({ index, address }) => {
          tried.push(address.localPart);
          const status = answer.code < 300 ? 'delivered' : 'failed';
          return { index, status, reply: answer, ...(isRemote && { remote: { name: 'mx.example.net' } }) };
        }),
      }));
      tap('settled', (event) => void settled.push(event));
    },
  })();
  const server = await startTestMta({ plugins: [others, routeSuppress({ file })] });
  const send = async (localPart: string) => {
    const before = settled.length;
    const recipients = [{ address: { localPart, domain: 'example.net' } }];
    await server.mta.submit({ reversePath: null, recipients }, Buffer.from('Subject: x\r\n\r\n'));
    await expect.poll(() => settled.length, { timeout: 10_000 }).toBe(before + 1);
  };
  return { server, settled, tried, send };
}

test('an address that does not exist is tried once', async () => {
  const { server, settled, tried, send } = await start(reply(550, '1.1', 'no such user'));
  await using _stopped = server;
  await send('Dead');
  await server.whenLogged('an address is not sent to any more');
  await send('dead');
  await send('other');
  expect(tried).toEqual(['Dead', 'other']);
  expect(settled[1]?.outcome?.reply.text).toBe('not sent, the address is dead: 550 5.1.1 no such user');
  expect(await readFile(file, 'utf8')).toContain('"address":"dead@example.net"');
});

test.each([
  ['a block of ourselves', reply(550, '7.1', 'blocked'), true],
  ['our own judgement', reply(550, '1.2', 'the domain has no mail server'), false],
  ['a full mailbox', reply(552, '2.2', 'over quota'), true],
])('%s says nothing against the address', async (_name, answer, isRemote) => {
  const { server, tried, send } = await start(answer, isRemote);
  await using _stopped = server;
  await send('bob');
  await send('bob');
  expect(tried).toEqual(['bob', 'bob']);
});

describe('the list', () => {
  const entry = { address: 'a@example.net', reason: 'gone', atMs: 0, untilMs: 5_000 };

  test('forgets after its time, and what goes beyond its bound', async () => {
    const clock = createVirtualClock(0);
    const list = new SuppressionList({ file, entriesMax: 2, clock });
    await list.start();
    await list.change(entry);
    expect(await list.find('a@example.net')).toEqual(entry);
    await clock.advance(5_000);
    expect(await list.find('a@example.net')).toBeUndefined();
    for (const name of ['b', 'c', 'd']) await list.change({ ...entry, address: name, untilMs: 10_000 });
    expect(list.entries().map(({ address }) => address)).toEqual(['c', 'd']);
  });

  test('sees what others append, and survives torn lines and a restart', async () => {
    const clock = createVirtualClock(0);
    const list = new SuppressionList({ file, entriesMax: 10, clock });
    await list.start();
    await list.change(entry);
    await appendFile(file, `{"address":"torn\n${formatLine({ ...entry, address: 'b@example.net' })}{"addr`);
    expect(await list.find('b@example.net')).toBeUndefined();
    await clock.advance(2_000);
    expect(await list.find('b@example.net')).toBeDefined();
    await appendFile(file, `\n${formatLine({ address: 'a@example.net', isRemoved: true })}`);
    await clock.advance(2_000);
    expect(await list.find('a@example.net')).toBeUndefined();
    const again = new SuppressionList({ file, entriesMax: 10, clock });
    await again.start();
    expect(again.entries().map(({ address }) => address)).toEqual(['b@example.net']);
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(1);
  });

  test('is read anew when the file was replaced', async () => {
    const clock = createVirtualClock(0);
    const list = new SuppressionList({ file, entriesMax: 10, clock });
    await list.start();
    for (const name of ['a', 'b', 'c']) await list.change({ ...entry, address: name });
    await list.find('a');
    await clock.advance(2_000);
    await list.find('a');
    await writeFile(file, formatLine({ ...entry, address: 'd' }));
    await clock.advance(2_000);
    expect(await list.find('d')).toBeDefined();
    expect(await list.find('a')).toBeUndefined();
  });
});

test('a proven bounce or complaint puts its recipient on the list, hearsay does not', async () => {
  let tell: Reports['tell'] = async () => {};
  const reporter = definePlugin({
    name: 'report-test',
    needs: { reports: Reports },
    setup({ services }) {
      tell = (event) => services.reports.tell(event);
    },
  })();
  await using server = await startTestMta({ plugins: [reporter, routeSuppress({ file })] });
  expect(server.mta.state).toBe('running');
  const list = new SuppressionList({ file, entriesMax: 10, clock: systemClock });
  const address = (localPart: string) => ({ localPart, domain: 'example.net' });
  const bounce = (localPart: string, words: Reply): ReceivedReport => ({
    kind: 'bounce',
    recipients: [
      {
        address: address(localPart),
        action: 'failed',
        reply: words,
        bounceClass: classifyBounce(words),
        isHard: words.code >= 500,
      },
    ],
  });
  const complaint = (feedbackType: string): ReceivedReport => ({
    kind: 'complaint',
    recipients: [],
    complaint: { feedbackType, recipients: [] },
  });
  const gone = reply(550, '1.1', 'no such user');
  await tell({ report: bounce('hearsay', gone) });
  await tell({ report: bounce('full', reply(552, '2.2', 'full')), provenRecipient: address('full') });
  await tell({ report: bounce('gone', gone), provenRecipient: address('gone') });
  await tell({ report: complaint('abuse'), provenRecipient: address('angry') });
  await tell({ report: complaint('not-spam'), provenRecipient: address('happy') });
  await list.find('');
  expect(list.entries().map((entry) => entry.address)).toEqual(['gone@example.net', 'angry@example.net']);
});
