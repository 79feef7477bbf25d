import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { playDialogue, startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { authFile } from '../src/index.js';
import { temporaryFolder } from './open-directory.js';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const program = fileURLToPath(import.meta.resolve('@postroad/core/package.json')).replace(
  'package.json',
  'bin/postroad.js',
);

/** Runs the program in a folder; resolves with its status and output. */
async function postroad(folder: string, args: readonly string[], input = '') {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: 'pipe' });
  let out = '';
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    out += text;
  });
  child.stdin.end(input);
  const [status] = await once(child, 'close');
  return { status, out };
}

const auth = (password: string) => Buffer.from(`\0alice@example.org\0${password}`).toString('base64');

it('the program manages the accounts of a running server', { timeout: 120_000 }, async () => {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'data', 'users');
  await mkdir(dirname(file));
  await mkdir(join(folder.path, 'node_modules', '@postroad'), { recursive: true });
  await symlink(packageFolder, join(folder.path, 'node_modules', '@postroad', 'auth-file'));
  await writeFile(
    join(folder.path, 'postroad.config.json'),
    JSON.stringify({
      hostname: 'mx.example.org',
      plugins: [{ use: '@postroad/auth-file', file: 'data/users' }],
    }),
  );
  const added = await postroad(folder.path, ['user', 'add', 'alice@example.org'], 'wonderland\n');
  expect(added).toMatchObject({ status: 0, out: expect.stringMatching(/^alice@example.org added/) });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).not.toContain('wonderland');

  const mta = await startTestMta({
    listeners: [
      {
        name: 'submission',
        host: '127.0.0.1',
        port: 0,
        role: 'submission',
        tls: 'none',
        plaintextAuth: true,
      },
    ],
    plugins: [authFile({ file })],
  });
  const logIn = (password: string, reply: string) =>
    playDialogue(
      { port: mta.port('submission') },
      `
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: AUTH PLAIN ${auth(password)}
      S: ${reply}
    `,
    );
  await logIn('wonderland', '235 ...');
  await logIn('wrong', '535 5.7.8 ...');
  const changed = await postroad(
    folder.path,
    ['user', 'passwd', 'alice@example.org', '--json'],
    'looking-glass\n',
  );
  expect(JSON.parse(changed.out)).toMatchObject({ login: 'alice@example.org', disabled: false });
  await logIn('wonderland', '535 5.7.8 ...');
  await logIn('looking-glass', '235 ...');
  expect((await postroad(folder.path, ['user', 'remove', 'alice@example.org'])).status).toBe(0);
  await logIn('looking-glass', '535 5.7.8 ...');
  const missing = await postroad(folder.path, ['user', 'passwd', 'alice@example.org'], 'x\n');
  expect(missing).toMatchObject({ status: expect.any(Number), out: expect.stringContaining('no account') });
  expect(missing.status).not.toBe(0);
  await mta.stop();
  await folder.remove();
});
