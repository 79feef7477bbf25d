import { once } from 'node:events';
import { connect } from 'node:net';
import { definePlugin, MailboxStore } from '@postroad/core';
import { playDialogue } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { startWithMail, uidsOf } from './start-pop3.js';

it('a session outlives a reload, and still has its mailbox alone', async () => {
  await using pop3 = await startWithMail();
  const socket = connect(pop3.mta.port('pop3'), '127.0.0.1').setEncoding('latin1');
  let read = '';
  socket.on('data', (text: unknown) => {
    read += String(text);
  });
  socket.write('USER alice@example.org\r\nPASS wonder land\r\nDELE 2\r\n');
  await expect.poll(() => read).toMatch(/deleted/);
  // The store in memory would begin empty: the next generation gets the one that is there.
  const sameStore = definePlugin({
    name: 'same-store',
    provides: [MailboxStore],
    setup: ({ provide }) => provide(MailboxStore, pop3.store),
  });
  const queue = pop3.mta.engines.filter((engine) => engine.definition.name !== 'store-memory');
  await pop3.mta.mta.reload({
    hostname: 'mx.test',
    listeners: [],
    tls: { selfSignedDirectory: pop3.folder },
    plugins: [...queue, sameStore(), ...pop3.plugins],
  });
  const target = { port: pop3.mta.port('pop3') };
  const login = 'S: +OK ...\nC: USER alice@example.org\nC: PASS wonder land\nS: +OK ...\n';
  await playDialogue(target, `${login}S: -ERR [IN-USE] ...`);
  socket.write('QUIT\r\n');
  await once(socket, 'close');
  expect(await uidsOf(pop3.store)).toEqual([1, 3]);
  await playDialogue(target, `${login}S: +OK ...\nC: QUIT\nS: +OK ...`);
});
