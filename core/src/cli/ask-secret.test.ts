import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { askHidden, createSecretReader } from './ask-secret.js';

/** A terminal as far as the question needs one. */
function terminal() {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { setRawMode: (mode: boolean) => raw.push(mode) });
  const stdout = new PassThrough();
  let shown = '';
  stdout.on('data', (chunk) => {
    shown += String(chunk);
  });
  const asked = askHidden(
    'Password',
    stdin as unknown as NodeJS.ReadStream,
    stdout as unknown as NodeJS.WriteStream,
  );
  return { stdin, raw, asked, shown: () => shown };
}

it('shows nothing of what is typed, and takes backspace', async () => {
  const { stdin, raw, asked, shown } = terminal();
  for (const chunk of ['wondex', '\u007f', 'r', '\u001b[D', 'länd', '\r']) stdin.write(chunk);
  expect(await asked).toBe('wonderländ');
  expect(shown()).toBe('Password: \n');
  expect(raw).toEqual([true, false]);
});

it.each([['\u0003'], ['abc\u0003'], ['\u0004']])(
  'gives up at %j and leaves the terminal as it was',
  async (typed) => {
    const { stdin, raw, asked } = terminal();
    stdin.write(typed);
    await expect(asked).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(raw).toEqual([true, false]);
  },
);

it('gives up when the terminal goes away', async () => {
  const { stdin, asked } = terminal();
  stdin.end();
  await expect(asked).rejects.toMatchObject({ code: 'E_USAGE' });
});

it('reads from a pipe line by line, and misses what is not there', async () => {
  const input = new PassThrough();
  input.end('one\r\ntwo\n');
  const read = createSecretReader(input);
  expect([await read(), await read()]).toEqual(['one', 'two']);
  await expect(read()).rejects.toThrow(/a secret is needed/);
});
