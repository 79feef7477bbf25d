/** Octets belong to one session and one message, also where sessions share buffers and stores take theirs back. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { bodyFromBytes } from '@postroad/core';
import { expect, it } from 'vitest';
import { startWithMail } from './start-pop3.js';

it('hands a message over before it lets go of it, and lets go of every one', async () => {
  await using pop3 = await startWithMail();
  const { open } = pop3.store;
  let held = 0;
  Object.assign(pop3.store, {
    async open(id: string) {
      const body = await open.call(pop3.store, id);
      const octets = Buffer.from(body?.inline ?? '');
      held++;
      const release = async () => {
        held--;
        octets.fill('X');
        await body?.release();
      };
      return Object.assign(bodyFromBytes(octets), { release });
    },
  });
  await pop3.play(`
    S: +OK ...
    C: USER alice@example.org
    C: PASS wonder land
    S: +OK ...
    S: +OK ...
    C: RETR 1
    C: TOP 2 1
    S: +OK ...
    S: Subject: one
    S: 
    S: first body
    S: .
    S: +OK ...
    S: Subject: two
    S: 
    S: ..starts with a dot
    S: .
    C: QUIT
    S: +OK ...
    S: <closed>
  `);
  expect(held).toBe(0);
});

it('keeps half a command while another session sends its own, and never takes the end of a long line for one', async () => {
  await using pop3 = await startWithMail();
  const sessions = [0, 1].map(() => connect({ port: pop3.port, host: '127.0.0.1', noDelay: true }));
  const [one, other] = sessions as [(typeof sessions)[0], (typeof sessions)[0]];
  const answer = async (socket: typeof one) => String((await once(socket, 'data'))[0]);
  expect(await Promise.all(sessions.map(answer))).toEqual(['+OK POP3 ready\r\n', '+OK POP3 ready\r\n']);
  one.write('LANG ');
  other.write('XXXXXXXXXXXXXXXX\r\n');
  expect(await answer(other)).toBe('-ERR unknown command\r\n');
  one.write('en\r\n');
  expect(await answer(one)).toBe('+OK en English\r\n');
  one.write('x'.repeat(20_000));
  other.write('LANG *\r\n');
  expect(await answer(other)).toBe('+OK i-default English\r\n');
  one.write('LANG en\r\n');
  expect(await answer(one)).toBe('-ERR line is too long\r\n');
  for (const socket of sessions) socket.destroy();
});
