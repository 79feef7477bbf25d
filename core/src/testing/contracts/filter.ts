/**
 * The contract suite of plugins that ask another program about mail: whatever that program does, the server goes on, and
 * no message passes that was not judged, unless the configuration says `skip`.
 */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { definePlugin, type PluginUse } from '../../plugin/define.js';
import { accept } from '../../values/verdict.js';
import { freePort } from '../program.js';
import { startScriptedPeer } from '../scripted-peer.js';
import { sendMessage } from '../send-message.js';
import { startTestMta } from '../start-test-mta.js';

/** A plugin to test. */
export interface OpenFilter {
  /** The plugin with its program on this port of 127.0.0.1, and a deadline of `timeoutMs` for each answer. */
  use(program: { port: number; onError: 'defer' | 'skip'; timeoutMs: number }): PluginUse;
  /** The beginning of a good answer, after which the connection breaks. */
  readonly half: string | Buffer;
  /** What is sent before the flood, so that it is taken for the beginning of an answer. */
  readonly floodHead?: string | Buffer;
}

type Talk = (socket: Socket) => void;

/** Runs the suite with vitest. */
export function filterContract(name: string, filter: OpenFilter): void {
  describe(`${name} with a program that misbehaves`, () => {
    const behaviours: Record<string, Talk> = {
      'never answers': (socket) => void socket.resume(),
      'never reads': (socket) => void socket.pause(),
      'closes at once': (socket) => void socket.destroy(),
      'answers garbage': (socket) => {
        socket.resume();
        socket.end(Buffer.from(`\xff\xfe\x00garbage\r\n\r\n\x00{"action":7}\r\n`, 'latin1'));
      },
      'closes half-way': (socket) => {
        socket.once('data', () => socket.end(filter.half));
        socket.resume();
      },
      'sends too much': (socket) => {
        socket.resume();
        socket.once('data', () => flood(socket, filter.floodHead));
      },
    };
    for (const [behaviour, talk] of Object.entries(behaviours)) {
      it.each(['defer', 'skip'] as const)(`${behaviour}: %s`, async (onError) => {
        await using program = await startScriptedPeer(talk);
        await judge(filter, program.port, onError);
        expect(program.connections).toBeGreaterThan(0);
      });
    }
    it.each(['defer', 'skip'] as const)('is not there: %s', async (onError) => {
      await judge(filter, await freePort(), onError);
    });
  });
}

async function judge(filter: OpenFilter, port: number, onError: 'defer' | 'skip'): Promise<void> {
  const accepting = definePlugin({
    name: 'test-accept',
    setup: ({ tap }) => tap('recipient', () => accept()),
  });
  const queued: string[] = [];
  const watching = definePlugin({
    name: 'test-watch',
    setup: ({ tap }) => tap('enqueued', ({ id }) => void queued.push(id)),
  });
  const plugins = [filter.use({ port, onError, timeoutMs: 150 }), accepting(), watching()];
  await using server = await startTestMta({ plugins });
  // Twice: the server is still there, and judges alike.
  for (const _time of [1, 2]) {
    const { outcome } = await sendMessage({ port: server.port('relay') });
    expect(outcome).toMatch(onError === 'skip' ? /^250 / : /^4\d\d /);
  }
  await server.stop();
  expect(queued).toHaveLength(onError === 'skip' ? 2 : 0);
}

function flood(socket: Socket, head: string | Buffer = ''): void {
  socket.write(head);
  const piece = Buffer.alloc(65_536, 'x');
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}
