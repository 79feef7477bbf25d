/** Whatever a plugin or a service does, the client gets an answer, and nothing is accepted by mistake. */
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { directoryMemory } from '../memory/directory-memory.js';
import { definePlugin, type PluginUse } from '../plugin/define.js';
import { Directory } from '../services/directory.js';
import { QueueStore } from '../services/queue-store.js';
import { Spool } from '../services/spool.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';
import { accept } from '../values/verdict.js';

let server: TestMta | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** Takes every recipient; messages wait for a route that nobody knows. */
const takeAll = definePlugin({ name: 'take-all', setup: ({ tap }) => tap('recipient', () => accept()) });

/** How a tap fails; one that hangs has 20 ms. */
const failures: Readonly<Record<string, () => never | Promise<never>>> = {
  throws: () => {
    throw new Error('broken');
  },
  rejects: () => Promise.reject(new Error('broken')),
  'never answers': () => new Promise<never>(() => {}),
};

const decisions = ['connect', 'hello', 'reversePath', 'recipient', 'dataStart', 'message'] as const;
const transforms = ['expand', 'content', 'header'] as const;
const observers = ['accepted', 'enqueued', 'refused', 'closed'] as const;
type Failing = (typeof decisions | typeof transforms | typeof observers)[number] | 'inspect' | 'credentials';

function failing(hook: Failing, how: string): PluginUse {
  const fail = failures[how] as () => never;
  return definePlugin({
    name: 'broken',
    setup: ({ tap }) => tap(hook, () => fail(), { timeoutMs: 20, order: 'early' }),
  })();
}

async function play(plugins: readonly PluginUse[], script: string): Promise<TestMta> {
  const started = await startTestMta({ plugins: [...plugins, takeAll()] });
  server = started;
  await playDialogue({ port: started.port('relay') }, script);
  return started;
}

const hello = 'S: 220 ...\nC: EHLO client.example\nS: ...\nS: 250 ...\n';
const recipient = 'C: MAIL FROM:<a@b.example>\nS: 250 ...\nC: RCPT TO:<c@d.example>\nS: 250 ...\n';
const begun = `${hello}${recipient}`;
const data = 'C: DATA\nS: 354 ...\nC: Subject: x\nC:\nC: hi\nC: .\n';
const goesOn = 'C: NOOP\nS: 250 ...\nC: QUIT\nS: 221 ...\nS: <closed>\n';
const deferred = 'S: 451 4.3.0 ...\n';

const scripts: Readonly<Record<(typeof decisions | typeof transforms)[number], string>> = {
  connect: `${deferred}S: <closed>\n`,
  hello: `S: 220 ...\nC: EHLO client.example\n${deferred}${goesOn}`,
  reversePath: `${hello}C: MAIL FROM:<a@b.example>\n${deferred}C: RCPT TO:<c@d.example>\nS: 503 ...\n${goesOn}`,
  recipient: `${hello}C: MAIL FROM:<a@b.example>\nS: 250 ...\nC: RCPT TO:<c@d.example>\n${deferred}C: DATA\nS: 554 ...\n${goesOn}`,
  dataStart: `${begun}C: DATA\n${deferred}${goesOn}`,
  message: `${begun}${data}${deferred}${goesOn}`,
  expand: `${begun}${data}${deferred}${goesOn}`,
  content: `${begun}${data}${deferred}${goesOn}`,
  header: `${begun}${data}${deferred}${goesOn}`,
};

describe.each(Object.keys(failures))('a tap that %s', (how) => {
  it.each([...decisions, ...transforms])('defers at %s', async (hook) => {
    const { mta, logged } = await play([failing(hook, how)], scripts[hook]);
    expect(logged.filter(({ event }) => event === 'tap failed')).toHaveLength(1);
    expect(await mta.queue.count()).toMatchObject({ messages: 0 });
  });

  it('defers a login at credentials, whatever the directory would say', async () => {
    const alice = { address: 'alice@here.test', password: 'wonderland' };
    server = await startTestMta({
      plugins: [directoryMemory({ accounts: [alice] }), failing('credentials', how)],
      listeners: [{ name: 'in', host: '127.0.0.1', port: 0, role: 'submission', plaintextAuth: true }],
    });
    const login = Buffer.from('\0alice@here.test\0wonderland').toString('base64');
    const script = `${hello}C: AUTH PLAIN ${login}\n${deferred}C: MAIL FROM:<>\nS: 530 ...\n${goesOn}`;
    await playDialogue({ port: server.port('in') }, script);
  });

  it.each(observers)('changes nothing at %s', async (hook) => {
    const refused = 'C: MAIL FROM:<a@b.example> NOSUCH=1\nS: 555 ...\n';
    await play([failing(hook, how)], `${hello}${refused}${recipient}${data}S: 250 ...\n${goesOn}`);
  });

  it('is a finding with an error at inspect, which policy decides about', async () => {
    const seen: unknown[] = [];
    const judge = definePlugin({
      name: 'judge',
      setup: ({ tap }) => tap('message', (_message, findings) => void seen.push(...findings)),
    });
    await play([failing('inspect', how), judge()], `${begun}${data}S: 250 ...\n${goesOn}`);
    expect(seen).toMatchObject([{ source: 'broken', error: expect.anything() }]);
  });
});

describe('a service that fails', () => {
  it('defers when the spool does', async () => {
    const broken = definePlugin({
      name: 'broken-spool',
      provides: [Spool],
      setup: ({ provide }) =>
        provide(Spool, {
          directory: '',
          writer: () => ({
            sizeBytes: 0,
            write: () => true,
            drained: async () => {},
            finish: () => Promise.reject(new Error('EIO')),
            abort: async () => {},
          }),
          store: () => Promise.reject(new Error('EIO')),
        }),
    });
    await play([broken()], `${begun}${data}S: 452 4.3.1 ...\n${goesOn}`);
  });

  it('says 452 at MAIL when the disk has less room than one and a half of the largest message', async () => {
    const started = await startTestMta({
      plugins: [takeAll()],
      spool: { directory: tmpdir() },
      listeners: [
        { name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', limits: { sizeBytesMax: 1e17 } },
        { name: 'small', host: '127.0.0.1', port: 0, role: 'relay', limits: { sizeBytesMax: 1_000 } },
      ],
    });
    server = started;
    const mail = 'C: MAIL FROM:<a@b.example>\n';
    const refused = () =>
      playDialogue({ port: started.port('relay') }, `${hello}${mail}S: 452 4.3.1 ...\n${goesOn}`);
    // The disk is looked at while the server starts.
    await expect
      .poll(
        () =>
          refused().then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    await playDialogue({ port: started.port('small') }, `${hello}${mail}S: 250 ...\n${goesOn}`);
  });

  it('defers when the queue can not write', async () => {
    const reached: unknown[] = [];
    const broken = definePlugin({
      name: 'broken-queue',
      needs: { store: QueueStore },
      setup({ services }) {
        services.store.put = async () => {
          reached.push(1);
          throw new Error('EIO');
        };
      },
    });
    await play([broken()], `${begun}${data}${deferred}${goesOn}`);
    expect(reached).toHaveLength(1);
  });

  it('defers when the directory can not tell whose address a sender is, or who logs in', async () => {
    const plain = Buffer.from('\0alice@here.test\0wonderland').toString('base64');
    const moody = definePlugin({
      name: 'moody',
      needs: { directory: Directory },
      setup({ services: { directory } }) {
        const verify = directory.verifyPassword.bind(directory);
        let calls = 0;
        directory.verifyPassword = (login, password, signal) =>
          calls++ === 0 ? Promise.reject(new Error('down')) : verify(login, password, signal);
        directory.byAddress = () => Promise.reject(new Error('down'));
      },
    });
    server = await startTestMta({
      plugins: [
        directoryMemory({ accounts: [{ address: 'alice@here.test', password: 'wonderland' }] }),
        moody(),
        takeAll(),
      ],
      listeners: [{ name: 'in', host: '127.0.0.1', port: 0, role: 'submission', plaintextAuth: true }],
    });
    await playDialogue(
      { port: server.port('in') },
      `${hello}
      C: AUTH PLAIN ${plain}
      S: 454 4.7.0 ...
      C: AUTH PLAIN ${plain}
      S: 235 ...
      C: MAIL FROM:<alice@here.test>
      S: 451 4.3.0 ...
      ${goesOn}`,
    );
  });
});
