/** A milter that does what a test says, and remembers what it was told. */
import type { Socket } from 'node:net';
import { type ScriptedPeer, startScriptedPeer } from '@postroad/core/testing';

/** What it does. */
export interface Script {
  /** Version, actions and steps of its answer to the negotiation, and macro lists behind them. */
  readonly negotiation?: { version?: number; actions?: number; steps?: number; lists?: Buffer };
  /** Packets to answer to a command by its letter, in order; `c` when nothing is said. */
  readonly answer?:
    | ((letter: string, data: Buffer, socket: Socket) => readonly Buffer[] | undefined)
    | undefined;
}

/** It runs. */
export interface ScriptedMilter extends ScriptedPeer {
  /** Commands in order: the letter and the texts, NUL as a bar. */
  readonly heard: readonly string[];
}

const silent = new Set(['D', 'A', 'Q']);

/** A packet. */
export function packet(letter: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const data = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  );
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length + 1);
  return Buffer.concat([head, Buffer.from(letter), data]);
}

/** Four octets. */
export function four(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}

/** Starts it. */
export async function startScriptedMilter(script: Script = {}): Promise<ScriptedMilter> {
  const heard: string[] = [];
  const peer = await startScriptedPeer((socket) => {
    let buffered = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 4 && buffered.length >= 4 + buffered.readUInt32BE()) {
        const end = 4 + buffered.readUInt32BE();
        const letter = buffered.toString('latin1', 4, 5);
        const data = buffered.subarray(5, end);
        buffered = buffered.subarray(end);
        hear(letter, data, socket);
      }
    });
    socket.on('end', () => socket.end());
  });
  const hear = (letter: string, data: Buffer, socket: Socket) => {
    if (letter === 'O') {
      heard.push('O');
      const { version = 6, actions = 0x1ff, steps = 0, lists = Buffer.alloc(0) } = script.negotiation ?? {};
      socket.write(packet('O', four(version), four(actions), four(steps), lists));
      return;
    }
    heard.push(
      `${letter} ${data.toString('latin1').replace(/\0$/, '').replaceAll('\0', '|')}`.replace(/ $/, ''),
    );
    const answers = script.answer?.(letter, data, socket) ?? (silent.has(letter) ? [] : [packet('c')]);
    for (const answer of answers) socket.write(answer);
    if (letter === 'Q') socket.end();
  };
  return Object.assign(peer, { heard });
}
