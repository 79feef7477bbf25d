import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MailError } from '../errors.js';
import { queueMemory } from '../memory/queue-memory.js';
import { createMta } from '../mta.js';
import type { MtaOptions } from '../mta-options.js';
import { definePlugin, type PluginUse } from '../plugin/define.js';
import { createLogger } from '../services/pino-logger.js';
import type { QueuedRecipient } from '../services/queue-store.js';
import { connectControl } from './client.js';

let directory: string;
let socket: string;

/** Every recipient goes to a site that can't be reached for now. */
const routeNowhere = definePlugin({
  name: 'route-nowhere',
  setup({ tap }) {
    tap('recipient', () => ({ verdict: 'accept' }));
    tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
    tap('deliver', ({ recipients }) => ({
      outcomes: recipients.map(({ index }) => ({
        index,
        status: 'deferred' as const,
        reply: { code: 451, detail: '4.1', text: 'not now' },
      })),
    }));
  },
});

const failing = definePlugin({
  name: 'failing',
  setup({ onStart }) {
    onStart(() => Promise.reject(new Error('no disk')));
  },
});

const quiet = { log: createLogger('silent') };

function optionsWith(...plugins: PluginUse[]): MtaOptions {
  return { hostname: 'mx.test', plugins: [queueMemory(), routeNowhere(), ...plugins], control: { socket } };
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-mta-control-'));
  socket = join(directory, 'control.sock');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const message = 'From: <a@here.test>\r\nSubject: Hello\r\n\r\nHi.\r\n';

describe('a running server', () => {
  it('lists, shows and changes its queue over the socket', async () => {
    const mta = createMta(optionsWith(), quiet);
    await mta.start();
    const { id } = await mta.submit(
      { reversePath: 'a@here.test', recipients: ['b@one.test', 'c@two.test'] },
      message,
    );
    const client = await connectControl(socket);
    const listed: QueuedRecipient[] = [];
    const end = await client.call('queue.list', { filter: { domain: 'one.test' } }, (page) =>
      listed.push(...(page as QueuedRecipient[])),
    );
    expect(end).toEqual({ listed: 1, isComplete: true });
    expect(listed[0]).toMatchObject({ messageId: id, address: { localPart: 'b', domain: 'one.test' } });
    const shown = await client.call('queue.show', { id });
    expect(shown).toMatchObject({
      message: { id, subject: 'Hello' },
      recipients: [{ index: 0 }, { index: 1 }],
    });
    await expect(client.call('queue.show', { id: 'nothing' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(client.call('queue.delete', {})).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(client.call('queue.hold', { filter: { sit: 'x' } })).rejects.toThrow(/unknown filter sit/);
    await expect(client.call('queue.list', { filter: { state: 'lost' } })).rejects.toThrow(
      /a state is one of/,
    );
    await expect(client.call('queue.list', { filter: { attemptsMin: 'x' } })).rejects.toThrow(/no number/);
    for (const to of ['local:x', 'smtp:host', 'smtp:host:0', 'nonsense']) {
      await expect(client.call('queue.redirect', { all: true, to })).rejects.toMatchObject({
        code: 'E_USAGE',
      });
    }
    expect(await client.call('resolve', { address: 'x@one.test' })).toMatchObject({ site: 'mx:one.test' });
    await expect(client.call('resolve', { address: 'x' })).rejects.toMatchObject({ code: 'E_USAGE' });
    const filter = { messageId: id, attemptsMin: 1, reply: 'not now' };
    expect(await client.call('queue.redirect', { filter, to: 'smtp:backup.test:25' })).toEqual({
      changed: 2,
    });
    await expect(client.call('queue.export', { file: 'relative' })).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    const file = join(directory, 'queue.jsonl');
    const listen = async () => (await client.call('queue.count')) as { byState: { waiting: number } };
    await expect.poll(async () => (await listen()).byState.waiting).toBe(2);
    expect(await client.call('queue.export', { file })).toEqual({ messages: 1, recipients: 2, skipped: 0 });
    expect(await client.call('queue.delete', { filter: { messageId: id } })).toEqual({ changed: 2 });
    expect(await client.call('queue.import', { file })).toEqual({ messages: 1, recipients: 2, known: 0 });
    await client.call('queue.delete', { all: true });
    expect(await client.call('queue.count')).toMatchObject({ recipients: 0 });
    client.close();
    await mta.stop();
  });

  it('stops when told, and closes the socket when it has', async () => {
    const mta = createMta(optionsWith(), quiet);
    await mta.start();
    const client = await connectControl(socket);
    expect(await client.call('stop', { drainMs: 100 })).toEqual({ stopping: true });
    await client.closed;
    await mta.whenStopped();
    expect(mta.state).toBe('stopped');
    await expect(connectControl(socket)).rejects.toThrow(/no server is running/);
  });

  it('reloads from where its configuration comes from, and keeps what it has when that fails', async () => {
    const configuration = [
      async () => ({ ...optionsWith(), hostname: 'new.test' }),
      async () => optionsWith(failing()),
      () => Promise.reject(new MailError('E_CONFIG', 'postroad.config.ts: hostname: expected string')),
    ];
    const mta = createMta(optionsWith(), {
      ...quiet,
      configuration: async () => (await configuration.shift()?.()) ?? optionsWith(),
    });
    await mta.start();
    const client = await connectControl(socket);
    expect(await client.call('reload')).toEqual({ reloaded: true });
    expect(await client.call('explain')).toMatchObject({ generation: 2, hostname: 'new.test' });
    await expect(client.call('reload')).rejects.toThrow(/failing.*no disk/);
    await expect(client.call('reload')).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: /hostname: expected/,
    });
    expect(await client.call('explain')).toMatchObject({ generation: 2 });
    client.close();
    await mta.stop();
  });
});

describe('two at once', () => {
  it('a second server on the socket is refused before its plugins start', async () => {
    const mta = createMta(optionsWith(), quiet);
    await mta.start();
    let hasStarted = false;
    const watched = definePlugin({
      name: 'watched',
      setup({ onStart }) {
        onStart(() => {
          hasStarted = true;
        });
      },
    });
    await expect(createMta(optionsWith(watched()), quiet).start()).rejects.toMatchObject({
      code: 'E_CONTROL',
    });
    expect(hasStarted).toBe(false);
    await mta.stop();
  });

  it('a stop during the start waits for it and leaves nothing open', async () => {
    let release: () => void = () => undefined;
    const slow = definePlugin({
      name: 'slow',
      setup({ onStart }) {
        onStart(
          () =>
            new Promise<void>((resolve) => {
              release = resolve;
            }),
        );
      },
    });
    const mta = createMta(
      { ...optionsWith(slow()), listeners: [{ host: '127.0.0.1', port: 0, role: 'relay' }] },
      quiet,
    );
    const started = mta.start();
    const stopped = mta.stop();
    await expect.poll(() => mta.state).toBe('starting');
    await expect
      .poll(() => {
        release();
        return mta.state;
      })
      .toBe('stopped');
    await started;
    await stopped;
    expect(mta.listeners).toEqual([]);
    await expect(connectControl(socket)).rejects.toThrow(/no server is running/);
  });
});
