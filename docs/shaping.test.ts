/** The configuration of shaping.md, started as it stands there but for ports and addresses, and worked by the commands it names. */
import { spawn, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, type Program, startDnsServer, startProgram } from '@postroad/core/testing';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cli = join(root, 'core', 'bin', 'postroad.js');
const alice = { user: 'alice@news.example.org', pass: 'wonderland' };

interface Taken {
  readonly source: string | undefined;
  readonly helloName: string | undefined;
  readonly from: string;
  readonly to: string;
}

const taken: Taken[] = [];
/** When the server of `slow@big.example` was asked to take mail for it; it does so the third time. */
const asked: number[] = [];
const sink = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onRcptTo({ address }, { remoteAddress, hostNameAppearsAs, envelope }, done) {
    if (address.startsWith('blocked@')) {
      done(Object.assign(new Error('4.7.1 your address is listed'), { responseCode: 451 }));
      return;
    }
    if (address.startsWith('slow@') && asked.push(performance.now()) < 3) {
      done(Object.assign(new Error('4.2.1 not now'), { responseCode: 450 }));
      return;
    }
    if (address.startsWith('full@')) {
      done(Object.assign(new Error('4.2.2 mailbox full'), { responseCode: 452 }));
      return;
    }
    const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
    taken.push({ source: remoteAddress, helloName: hostNameAppearsAs || undefined, from, to: address });
    done();
  },
  onData(stream, _session, done) {
    stream.resume().on('end', () => done());
  },
});

let directory: string;
let server: Program;
let port: number;
let dns: Awaited<ReturnType<typeof startDnsServer>>;

beforeAll(async () => {
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', () => resolve()));
  dns = await startDnsServer({
    'big.example': { MX: [{ preference: 1, exchange: 'mx1.big.example' }] },
    'mx1.big.example': { A: ['127.0.0.1'] },
  });
  port = await freePort();
  directory = makeProject();
  writeFileSync(join(directory, 'postroad.config.yaml'), configuration(false));
  mkdirSync(join(directory, 'data'));
  writeFileSync(join(directory, 'data/return-secret'), 'a secret of more than sixteen characters\n');
  const added = spawnSync(process.execPath, [cli, 'user', 'add', alice.user], {
    cwd: directory,
    input: `${alice.pass}\n`,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(added.status, added.stderr).toBe(0);
  server = await startProgram({
    command: process.execPath,
    args: [cli, 'start'],
    cwd: directory,
    isReady: () => createTransport({ host: '127.0.0.1', port, ignoreTLS: true }).verify(),
  });
}, 300_000);

afterAll(async () => {
  client?.close();
  await server?.stop();
  await dns?.close();
  await new Promise<void>((resolve) => sink.close(() => resolve()));
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}, 60_000);

/** In the workspace, with every plugin as if it were installed. */
function makeProject(): string {
  const cache = join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const project = mkdtempSync(join(cache, 'shaping-'));
  const scope = join(project, 'node_modules', '@postroad');
  mkdirSync(scope, { recursive: true });
  for (const name of readdirSync(join(root, 'plugins')))
    symlinkSync(join(root, 'plugins', name), join(scope, name));
  return project;
}

/**
 * What can not be the same everywhere: ports, and the addresses of the document, which are ones of loopback here. `isNew` when
 * the second address has its first day today.
 */
function configuration(isNew: boolean): string {
  const text =
    /^```yaml\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, 'docs', 'shaping.md'), 'utf8'))?.[1] ?? '';
  const { port: sinkPort } = sink.server.address() as AddressInfo;
  const changes = [
    ['127.0.0.1:53', dns.address],
    ['192.0.2.8', '127.0.0.8'],
    ['192.0.2.9', '127.0.0.9'],
    [
      '"@postroad/deliver-smtp"',
      `{ use: "@postroad/deliver-smtp", port: ${sinkPort}, allowPrivateAddresses: true }`,
    ],
    ['port: 587', `host: 127.0.0.1, port: ${port}`],
    // A schedule that a test can wait for.
    ['retryDelaysMs: [600000, 3600000]', 'retryDelaysMs: [500, 1500]'],
    ...(isNew ? ([['2026-01-01', new Date().toISOString().slice(0, 10)]] as const) : []),
  ] as const;
  let changed = text;
  for (const [from, to] of changes) {
    expect(changed, `shaping.md has ${from}`).toContain(from);
    changed = changed.replace(from, to);
  }
  return changed;
}

let client: ReturnType<typeof connect> | undefined;
const connect = () =>
  createTransport({
    pool: true,
    maxConnections: 1,
    maxMessages: 1_000,
    host: '127.0.0.1',
    port,
    auth: alice,
    tls: { rejectUnauthorized: false },
  });

async function send(to: string, fields: Readonly<Record<string, string>>): Promise<void> {
  client ??= connect();
  await client.sendMail({ from: alice.user, to, subject: 'x', text: 'hello', headers: fields });
}

/** How many of so many new messages came from the second address. */
async function fromSecond(count: number, name: string): Promise<number> {
  for (let at = 0; at < count; at++) await send(`${name}${at}@big.example`, { 'X-Tenant': 'shop' });
  const of = (): Taken[] => taken.filter(({ to }) => to.startsWith(name));
  await expect.poll(() => of().length, { timeout: 60_000 }).toBe(count);
  return of().filter(({ source }) => source === '127.0.0.9').length;
}

/** What a command prints, a JSON object a line. */
function ask(...args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args, '--json'], { cwd: directory, timeout: 60_000 });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
    child.on('close', (status) => {
      if (status !== 0) reject(new Error(said));
      else
        resolve(
          said
            .split('\n')
            .filter(Boolean)
            .flatMap((line): readonly Record<string, unknown>[] => [JSON.parse(line)].flat()),
        );
    });
  });
}

it('does what the document says', { timeout: 180_000 }, async () => {
  for (let at = 0; at < 6; at++) await send(`u${at}@big.example`, { 'X-Tenant': 'shop' });
  await expect.poll(() => taken.length, { timeout: 60_000 }).toBe(6);
  for (const { source, helloName, from, to } of taken) {
    // Each source with its own name, and a return path for each recipient.
    expect([source, helloName]).toEqual(
      source === '127.0.0.8' ? ['127.0.0.8', 'n1.example.org'] : ['127.0.0.9', 'n2.example.org'],
    );
    expect(from).toMatch(new RegExp(`^b\\+.*=${to.replace('@', '=')}@returns\\.example\\.org$`));
  }

  // Of a campaign two an hour to a domain; other mail goes on.
  for (let at = 0; at < 4; at++) await send(`c${at}@big.example`, { 'X-Campaign': 'sale-may' });
  await send('after@big.example', { 'X-Campaign': 'newsletter' });
  await expect
    .poll(() => taken.filter(({ to }) => to === 'after@big.example').length, { timeout: 60_000 })
    .toBe(1);
  await expect.poll(() => taken.filter(({ to }) => to.startsWith('c')).length, { timeout: 60_000 }).toBe(2);

  // An answer that suspends the tenant it is about.
  await send('blocked@big.example', { 'X-Tenant': 'spammy' });
  await expect.poll(() => ask('queue', 'suspensions'), { timeout: 60_000, interval: 500 }).toHaveLength(1);
  await send('later@big.example', { 'X-Tenant': 'spammy' });
  const [waiting, held, [resolved], [suspension]] = await Promise.all([
    ask('queue', 'list', '--campaign', 'sale-may'),
    ask('queue', 'list', '--tenant', 'spammy'),
    ask('resolve', 'user@big.example', '--sender', alice.user),
    ask('queue', 'suspensions'),
  ]);
  expect(waiting).toHaveLength(2);
  expect(waiting.every((one) => one.attempts === 0)).toBe(true);
  const names = held.map((one) => (one.address as { localPart: string }).localPart);
  expect(names.sort()).toEqual(['blocked', 'later']);
  expect(JSON.stringify(suspension)).toContain('spammy');
  expect(JSON.stringify(resolved)).toContain('mx:mx1.big.example');
  expect(JSON.stringify(resolved)).toMatch(/127\.0\.0\.[89]/);
  expect(taken.some(({ to }) => to === 'later@big.example')).toBe(false);
});

it('tries again by the schedule of the provider, or of the answer', { timeout: 120_000 }, async () => {
  await send('slow@big.example', { 'X-Tenant': 'shop' });
  await send('full@big.example', { 'X-Tenant': 'shop' });
  await expect.poll(() => taken.some(({ to }) => to === 'slow@big.example'), { timeout: 60_000 }).toBe(true);
  const [first = 0, second = 0, third = 0] = asked;
  // Timers of the system may be a moment early.
  expect(second - first).toBeGreaterThan(480);
  expect(third - second).toBeGreaterThan(1_480);
  const [full] = await ask('queue', 'list', '--recipient', 'full@big.example');
  expect(full).toMatchObject({ state: 'waiting', attempts: 1, lastReply: { code: 452 } });
  expect(Number(full?.dueAtMs) - Date.now()).toBeGreaterThan(14_400_000 - 120_000);
});

it('shares by weight, and lets a new address begin gently', { timeout: 120_000 }, async () => {
  // Three of four from the first one: fewer than 3 or more than 30 of 60 happen once in a hundred thousand runs.
  const warm = await fromSecond(60, 'warm');
  expect(warm).toBeGreaterThan(2);
  expect(warm).toBeLessThan(31);
  // Fifty on its first day, a twenty-fourth of them at once, and one more every half hour; the first one takes the rest.
  writeFileSync(join(directory, 'postroad.config.yaml'), configuration(true));
  await ask('reload');
  const cold = await fromSecond(40, 'cold');
  expect(cold).toBeGreaterThan(0);
  expect(cold).toBeLessThan(5);
});
