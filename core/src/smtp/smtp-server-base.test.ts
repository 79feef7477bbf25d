import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BaseConnection, createConnectionHost } from './smtp-server-base.js';

/** What we rely on in the inside of `smtp-server`, whose version is pinned: an update that moves it fails here. */
class Plain extends BaseConnection {
  static parsersMade = 0;
  override _createParser(): never {
    Plain.parsersMade++;
    return undefined as never;
  }
}

function open(facts = {}): { connection: Plain; socket: PassThrough } {
  const socket = new PassThrough();
  return {
    connection: new Plain(createConnectionHost('mx.example.org'), socket as never as Socket, facts),
    socket,
  };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the connection of smtp-server', () => {
  it('is the version that was read', () => {
    const file = createRequire(import.meta.url).resolve('smtp-server/package.json');
    expect(JSON.parse(readFileSync(file, 'utf8')).version).toBe('3.21.6');
  });

  it('asks for a parser once and works without one', () => {
    Plain.parsersMade = 0;
    const { connection } = open();
    expect(Plain.parsersMade).toBe(1);
    expect(connection._parser).toBeFalsy();
  });

  it('takes addresses as they are given, and does not ask the socket for them', () => {
    const { connection } = open({
      id: 'c1',
      remoteAddress: '192.0.2.1',
      remotePort: 4,
      localAddress: '192.0.2.2',
      localPort: 25,
    });
    expect(connection.id).toBe('c1');
    expect([connection.remoteAddress, connection.remotePort]).toEqual(['192.0.2.1', 4]);
  });

  it('listens to nothing and arms no timer before it is told to', () => {
    const timer = vi.spyOn(globalThis, 'setTimeout');
    const { socket } = open();
    const untouched = new PassThrough();
    for (const event of ['data', 'end', 'close', 'error', 'timeout', 'readable']) {
      expect(socket.listenerCount(event), event).toBe(untouched.listenerCount(event));
    }
    expect(timer).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it('ends the socket on close, reads it on so that the end is seen, and destroys it after five seconds', () => {
    vi.useFakeTimers();
    const { connection, socket } = open();
    const resumed = vi.spyOn(socket, 'resume');
    connection.close();
    expect(socket.writableEnded).toBe(true);
    expect(resumed).toHaveBeenCalled();
    expect(socket.destroyed).toBe(false);
    expect(connection._closeTimer).toBeDefined();
    vi.advanceTimersByTime(5_001);
    expect(socket.destroyed).toBe(true);
  });

  it('does not keep timers of its own when close comes twice', () => {
    vi.useFakeTimers();
    const { connection } = open();
    connection.close();
    connection.close();
    expect(vi.getTimerCount()).toBe(1);
    clearTimeout(connection._closeTimer);
    expect(vi.getTimerCount()).toBe(0);
  });
});
