/** Messages on their way in: what is not filed leaves nothing behind, and is never taken for the next one. */
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';

test('a message that is cut off, or that the disk has no room for, leaves nothing behind', async () => {
  await using host = await startHost();
  const gone = await logIn(host.port);
  gone.send('A1 APPEND INBOX {100}\r\n');
  expect(await gone.read()).toBe('+ go ahead');
  gone.send('a: b\r\n');
  await expect.poll(() => host.spool.begun).toBe(1);
  gone.close();
  await expect.poll(() => host.spool.ended).toBe(1);
  const client = await logIn(host.port);
  host.spool.isFull = true;
  const two = '{6+}\r\na: b\r\n {6+}\r\nc: d\r\n';
  expect((await client.run(`APPEND INBOX ${two}`)).at(-1)).toMatch(/^NO \[UNAVAILABLE\]/);
  host.spool.isFull = false;
  expect((await client.ok('STATUS INBOX (MESSAGES)'))[0]).toBe('* STATUS INBOX (MESSAGES 0)');
  expect((await client.ok(`APPEND INBOX ${two}`)).at(-1)).toMatch(/^OK \[APPENDUID \d+ 1:2\]/);
  expect(host.spool.ended).toBe(host.spool.begun);
});

test('what was sent of an APPEND that is refused is not filed with the next', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  for (const [at, rest] of [
    `(${'x'.repeat(70_000)})`,
    '{999999999}',
    '(\\Seen',
    'no {6+}\r\ne: f\r\n',
  ].entries()) {
    expect((await client.run(`APPEND INBOX {6+}\r\na: b\r\n ${rest}`)).at(-1), rest.slice(0, 12)).toMatch(
      /^(?:BAD|NO)/,
    );
    await client.ok('APPEND INBOX {6+}\r\nc: d\r\n');
    expect(
      (await client.ok('FETCH 1:* BODY.PEEK[]')).filter((told) => told.includes('FETCH')).at(-1),
    ).toContain(`${at + 1} FETCH (BODY[] {6}\r\nc: d\r\n)`);
  }
  const gone = await logIn(host.port);
  gone.send('A1 APPEND INBOX {6+}\r\na: b\r\n {6}\r\n');
  expect(await gone.read()).toBe('+ go ahead');
  gone.close();
  await expect.poll(() => host.spool.begun - host.spool.ended).toBe(0);
  expect(host.errors).toEqual([]);
});
