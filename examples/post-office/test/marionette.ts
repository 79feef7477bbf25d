/** The remote protocol of Mozilla's programs: `octets:[0, id, command, parameters]` and `octets:[1, id, error, result]`. */
import { connect, type Socket } from 'node:net';

/** A session. `close` ends it; the program goes on. */
export interface Marionette {
  command(name: string, parameters?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Runs the body of a function with the rights of the program itself; resolves with what it returns. */
  run(script: string, ...args: readonly unknown[]): Promise<unknown>;
  close(): void;
}

type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

/** Connects; `undefined` as long as nobody listens. */
export function connectTo(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket)).once('error', () => resolve(undefined));
  });
}

/** Opens a session in the windows of the program. */
export async function openMarionette(socket: Socket): Promise<Marionette> {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  socket.on('error', () => undefined);
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the program is gone'));
  });
  readPackets(socket, (packet) => {
    // What is no list is the greeting.
    if (!Array.isArray(packet)) return;
    const [, id, error, result] = packet as [number, number, unknown, unknown];
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === null) asked?.resolve(result);
    else asked?.reject(new Error(JSON.stringify(error)));
  });
  const command: Marionette['command'] = (name, parameters = {}) =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new Error('the program is gone'));
      const id = ++last;
      waiting.set(id, { resolve, reject });
      const text = JSON.stringify([0, id, name, parameters]);
      socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  await command('WebDriver:NewSession', { capabilities: {} });
  await command('Marionette:SetContext', { value: 'chrome' });
  return {
    command,
    async run(script, ...args) {
      const parameters = { script, args, sandbox: 'system', newSandbox: true };
      const result = await command('WebDriver:ExecuteScript', parameters);
      return (result as { readonly value: unknown }).value;
    },
    close: () => void socket.destroy(),
  };
}

function readPackets(socket: Socket, take: (packet: unknown) => void): void {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      const colon = held.indexOf(':');
      const end = colon + 1 + Number(held.toString('latin1', 0, Math.max(colon, 0)));
      if (colon < 0 || held.length < end) return;
      take(JSON.parse(held.toString('utf8', colon + 1, end)));
      held = held.subarray(end);
    }
  });
}
