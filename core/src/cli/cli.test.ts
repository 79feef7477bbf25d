import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

const program = fileURLToPath(new URL('../../bin/postroad.js', import.meta.url));
const children: Child[] = [];
let directory: string;

/** One TypeScript file: a decorated class with an injected collaborator, hooks and commands. */
const plugin = `
import { accept, Clock, definePlugin, inject, injectable, token } from '@postroad/core';
import { z } from 'zod';

interface Answers { text(): string }
const Answers = token<Answers>('route-nowhere.answers');

@injectable()
class ClockAnswers implements Answers {
  readonly #clock: Clock;
  constructor(@inject(Clock) clock: Clock) { this.#clock = clock; }
  text(): string { return this.#clock.now() > 0 ? 'not now' : 'never'; }
}

export const routeNowhere = definePlugin({
  name: 'route-nowhere',
  description: 'Lets every message wait.',
  config: z.strictObject({ detail: z.string().default('4.1'), file: z.string().optional() }),
  provides: [Answers],
  commands: [
    {
      name: 'secret keep',
      description: 'Keep a secret.',
      args: { name: { kind: 'positional', description: 'whose', isRequired: true } },
      async run({ config, args, terminal }) {
        terminal.result([{ name: args.name, length: (await terminal.askSecret('Secret')).length, file: config.file }]);
      },
    },
  ],
  setup({ config, tap, provideClass, onStart }) {
    const answers = new ClockAnswers({ now: () => 1 } as Clock);
    provideClass(Answers, ClockAnswers);
    onStart(() => undefined);
    tap('recipient', () => accept());
    tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
    tap('deliver', ({ recipients }) => ({
      outcomes: recipients.map(({ index }) => ({
        index, status: 'deferred' as const, reply: { code: 451, detail: config.detail, text: answers.text() },
      })),
    }));
  },
});
`;

const config = `
hostname: mx.example.org
control: { socket: run/control.sock }
log: { level: warn }
drainMs: 1000
plugins:
  - "@postroad/core#queueMemory"
  - { use: ./route-nowhere.ts, file: nowhere.txt }
listeners:
  - { name: relay, host: 127.0.0.1, port: 0, role: relay }
`;

const write = (name: string, text: string) => writeFile(join(directory, name), text);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-cli-'));
  await symlink(
    fileURLToPath(new URL('../../node_modules', import.meta.url)),
    join(directory, 'node_modules'),
  );
  await write('route-nowhere.ts', plugin);
  await write('postroad.config.yaml', config);
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  await rm(directory, { recursive: true, force: true });
});

function run(...args: readonly string[]): Child {
  const env = { PATH: process.env.PATH, HOME: directory };
  const child = spawn(process.execPath, [program, ...args], { cwd: directory, env, stdio: 'pipe' });
  children.push(child);
  return child;
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(child: Child, input = ''): Promise<Ended> {
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

const postroad = (...args: readonly string[]) => ended(run(...args));

interface Started {
  readonly child: Child;
  readonly port: number;
  /** Resolves with the first log line in which the text occurs. */
  logged(text: string): Promise<string>;
}

async function start(...args: readonly string[]): Promise<Started> {
  const child = run('start', '--json', ...args);
  const logLines: string[] = [];
  const looking = new Set<() => void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    logLines.push(line);
    for (const look of looking) look();
  });
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(logLines.join('\n')))),
  ])) as [string];
  const { listeners } = JSON.parse(line) as { listeners: { port: number }[] };
  return {
    child,
    port: listeners[0]?.port ?? 0,
    logged: (text) =>
      new Promise((resolve) => {
        const look = () => {
          const found = logLines.find((each) => each.includes(text));
          if (found !== undefined) resolve(found);
        };
        looking.add(look);
        look();
      }),
  };
}

async function send(port: number, recipient: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const say = async (text: string, expected: string) => {
    if (text !== '') socket.write(`${text}\r\n`);
    for (;;) {
      const { value } = await lines.next();
      if (!String(value).startsWith(expected)) throw new Error(`${text}: ${value}`);
      if (String(value)[3] !== '-') return;
    }
  };
  await say('', '220');
  await say('EHLO client.example', '250');
  await say('MAIL FROM:<sender@here.example>', '250');
  await say(`RCPT TO:<${recipient}>`, '250');
  await say('DATA', '354');
  await say('Subject: A \u001b[31mred\u001b[0m letter\r\n\r\nHello.\r\n.', '250');
  await say('QUIT', '221');
  socket.destroy();
}

// Each test starts real processes, on machines that may be busy.
const timeoutMs = 120_000;

describe('without a server', { timeout: timeoutMs }, () => {
  it('checks, explains and prints the schema with the options of plugins', async () => {
    expect(await postroad('check')).toEqual({
      status: 0,
      stdout: 'postroad.config.yaml is right: 2 plugins, 1 listener.\n',
      stderr: '',
    });
    const explained = await postroad('explain');
    expect(explained.stdout).toMatch(/ {2}recipient +decide +route-nowhere → refuse when nobody decides/);
    const json = JSON.parse((await postroad('explain', '--json')).stdout) as { services: unknown[] };
    expect(json.services).toContainEqual({ token: 'route-nowhere.answers', provider: 'route-nowhere' });
    const schema = JSON.parse((await postroad('schema')).stdout) as { $defs: Record<string, unknown> };
    expect(schema.$defs['route-nowhere']).toMatchObject({
      properties: { use: { const: './route-nowhere.ts' }, detail: { default: '4.1' } },
    });
  });

  it('runs the commands of plugins with their checked configuration, and reads secrets from a pipe', async () => {
    const child = run('secret', 'keep', 'alice', '--json');
    const { status, stdout } = await ended(child, 'wonderland\n');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ name: 'alice', length: 10, file: join(directory, 'nowhere.txt') });
    const without = await postroad('secret', 'keep', 'alice');
    expect(without).toMatchObject({ status: 64, stderr: expect.stringContaining('a secret is needed') });
  });

  it('gives help everywhere, also without a configuration', async () => {
    const all = await postroad('--help');
    expect(all.stdout).toContain('secret keep');
    expect((await postroad('queue')).stdout).toContain('queue release');
    const list = await postroad('queue', 'list', '--help');
    expect(list.stdout).toMatch(/Examples:\n {2}postroad queue list/);
    expect((await postroad('secret', 'keep', '--help')).stdout).toContain(
      'Usage: postroad secret keep <name>',
    );
    await rm(join(directory, 'postroad.config.yaml'));
    const bare = await postroad('help');
    expect(bare).toMatchObject({ status: 0, stdout: expect.stringContaining('Plugins add commands') });
  });

  it.each([
    [['chek'], 64, 'there is no command chek (did you mean check?)'],
    [['queue', 'lst'], 64, 'there is no command queue lst (did you mean queue list?)'],
    [['secret', 'kep'], 64, 'there is no command secret kep (did you mean secret keep?)'],
    [['secret'], 64, 'say one of: secret keep'],
    [['secret', 'keep'], 64, '<name> is missing: whose; see postroad secret keep --help'],
    [['queue', 'list', '--domian', 'x'], 64, 'unknown option --domian (did you mean --domain?)'],
    [['queue', 'list', 'a', 'b'], 64, 'unexpected argument "b"'],
    [['queue', 'list'], 69, 'no server is running'],
    [['stop', '--drain', 'x'], 69, 'no server is running'],
    [['check', '--config', 'nowhere.yaml'], 78, 'there is no such file'],
  ])('%j fails with %i and says why', async (args, status, text) => {
    const failed = await postroad(...args);
    expect(failed).toMatchObject({ status, stdout: '' });
    expect(failed.stderr).toContain(`postroad: `);
    expect(failed.stderr).toContain(text);
  });

  it('tells what is wrong with a configuration, for people and for programs', async () => {
    await write(
      'postroad.config.yaml',
      config.replace('file: nowhere', 'fiel: nowhere').replace('hostname', 'hostnam'),
    );
    const plain = await postroad('check');
    expect(plain.status).toBe(78);
    expect(plain.stderr).toContain(
      'postroad.config.yaml:8: plugins[1].fiel (plugin route-nowhere): unknown key (did you mean file?)',
    );
    const json = await postroad('check', '--json');
    expect(json.status).toBe(78);
    const { error } = JSON.parse(json.stderr) as { error: { code: string; issues: unknown[] } };
    expect(error.code).toBe('E_CONFIG');
    expect(error.issues).toContainEqual(expect.objectContaining({ path: ['hostnam'], line: 2 }));
  });

  it.each([
    [
      'a missing service',
      config.replace('  - "@postroad/core#queueMemory"\n', ''),
      /core\.queue-store|queue plugin/,
    ],
    [
      'the same plugin twice',
      config.replace('listeners:', '  - ./route-nowhere.ts\nlisteners:'),
      /route-nowhere/,
    ],
  ])('does not start with %s', async (_, text, expected) => {
    await write('postroad.config.yaml', text);
    const failed = await postroad('start');
    expect(failed.status).toBe(78);
    expect(failed.stderr).toMatch(expected);
  });
});

describe('with a running server', { timeout: timeoutMs }, () => {
  it('lists, shows and changes the queue', async () => {
    const { port } = await start();
    expect((await stat(join(directory, 'run', 'control.sock'))).mode & 0o777).toBe(0o600);
    expect((await postroad('queue', 'list')).stdout).toBe('Nothing in the queue matches.\n');
    await send(port, 'one@first.example');
    await send(port, 'two@second.example');
    const listed = await postroad('queue', 'list', '--domain', 'First.example', '--json');
    const recipient = JSON.parse(listed.stdout) as { messageId: string; address: unknown };
    expect(recipient.address).toEqual({ localPart: 'one', domain: 'first.example' });
    const id = recipient.messageId;
    const shown = await postroad('queue', 'show', id);
    expect(shown.stdout).toContain('From        <sender@here.example>');
    expect(shown.stdout).toContain('Subject     A  [31mred [0m letter');
    expect(shown.stdout).not.toContain('\u001b');
    expect((await postroad('queue', 'hold', id, '--reason', 'asked')).stdout).toBe('Held: 1 recipient.\n');
    const table = (await postroad('queue', 'list', '--state', 'held')).stdout.split('\n');
    expect(table[0]).toMatch(/^MESSAGE +RECIPIENT +STATE/);
    expect(table[1]).toMatch(/one@first\.example +held +.*asked/);
    expect((await postroad('queue', 'release', id, '--json')).stdout).toBe('{"changed":1}\n');
    expect((await postroad('queue', 'retry', '--site', 'nowhere')).stdout).toBe('Made due: 0 recipients.\n');
    expect(await postroad('queue', 'delete')).toMatchObject({ status: 64, stdout: '' });
    expect((await postroad('queue', 'delete', '--all')).stdout).toBe('Deleted: 2 recipients.\n');
    expect(await postroad('queue', 'show', id)).toMatchObject({ status: 66, stdout: '' });
  });

  it('stops when told, and the command waits for it', async () => {
    const { child } = await start();
    const exited = once(child, 'exit');
    expect(await postroad('stop', '--drain', '1')).toMatchObject({
      status: 0,
      stdout: 'The server has stopped.\n',
    });
    expect(await exited).toEqual([0, null]);
    expect((await postroad('stop')).status).toBe(69);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops on %s and leaves no socket behind', async (signal) => {
    const { child } = await start();
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
    await expect(stat(join(directory, 'run', 'control.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('starts again after a kill -9', async () => {
    const { child } = await start();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const again = await start();
    expect((await postroad('queue', 'list')).status).toBe(0);
    again.child.kill('SIGTERM');
    expect(await once(again.child, 'exit')).toEqual([0, null]);
  });

  it('refuses a second server on the same socket', async () => {
    await start();
    const second = await postroad('start');
    expect(second).toMatchObject({
      status: 69,
      stderr: expect.stringContaining('another server is running'),
    });
    expect((await postroad('queue', 'list')).status).toBe(0);
  });

  it('reloads by command and by SIGHUP; a broken configuration keeps the old one and says why', async () => {
    const { child, logged } = await start();
    await write('postroad.config.yaml', config.replace('level: warn', 'level: info').replace('mx.', 'new.'));
    expect(await postroad('reload')).toMatchObject({
      status: 0,
      stdout: 'The server has reloaded its configuration.\n',
    });
    await logged('"event":"reloaded"');
    await write('postroad.config.yaml', config.replace('hostname: ', 'hostname: 1 #'));
    const refused = await postroad('reload');
    expect(refused.status).toBe(78);
    expect(refused.stderr).toContain('postroad.config.yaml:2: hostname: expected string, received number');
    child.kill('SIGHUP');
    const line = JSON.parse(await logged('reload failed')) as { reason: string };
    expect(line.reason).toContain('hostname: expected string');
    expect((await postroad('queue', 'list')).status).toBe(0);
  });

  it('reads changed plugins at a reload, and watches them with --watch', async () => {
    await write('postroad.config.yaml', config.replace('level: warn', 'level: info'));
    const { logged } = await start('--watch');
    await write('route-nowhere.ts', plugin.replace("'not now'", '({'));
    const line = JSON.parse(await logged('reload failed')) as { reason: string };
    expect(line.reason).toMatch(/route-nowhere\.ts:\d+/);
    await write('route-nowhere.ts', plugin.replace('not now', 'later'));
    await logged('"event":"reloaded"');
  });
});
