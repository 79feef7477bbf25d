/** How long a connection may be silent after login. */
import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';

const minutes = (count: number) => count * 60_000;

test('half an hour without a command ends the connection, IDLE or not', async () => {
  const clock = createVirtualClock();
  await using host = await startHost({ clock });
  const [silent, idling, talking] = [await logIn(host.port), await logIn(host.port), await logIn(host.port)];
  idling.send('i IDLE\r\n');
  expect(await idling.read()).toBe('+ idling');
  await clock.advance(minutes(29));
  await talking.ok('NOOP');
  expect(await idling.read()).toBe('* OK still here');
  await clock.advance(minutes(2));
  expect(await silent.read()).toMatch(/^\* BYE/);
  await Promise.all([silent.closed(), idling.closed()]);
  await talking.ok('NOOP');
  talking.close();
});

test('a message that comes slowly is no silence, one that comes no further is', async () => {
  const clock = createVirtualClock();
  await using host = await startHost({ clock });
  const [slow, other] = [await logIn(host.port), await logIn(host.port)];
  const piece = async (octets: string, after: number) => {
    slow.send(octets);
    // Its answer comes when the octets have been read too.
    await other.ok('NOOP');
    await clock.advance(minutes(after));
  };
  slow.send('a APPEND INBOX {12}\r\n');
  expect(await slow.read()).toBe('+ go ahead');
  for (const octets of ['a: ', '1\r\n', '\r\n', 'x']) await piece(octets, 25);
  await piece('y\r\n\r\n', 0);
  expect(await slow.read()).toMatch(/^a OK/);
  slow.send('b APPEND INBOX {12}\r\n');
  expect(await slow.read()).toBe('+ go ahead');
  await piece('a: ', 29);
  await piece('', 29);
  await piece('', 29);
  await slow.closed();
  expect((await host.store.mailboxByName('alice', 'INBOX'))?.messages).toBe(1);
  other.close();
});
