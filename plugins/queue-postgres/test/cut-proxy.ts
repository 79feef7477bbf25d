/** A wire between a client and a server that a test can cut, or make deaf in one direction. */
import { connect, createServer, type Socket } from 'node:net';

/** The wire. */
export interface CutProxy {
  readonly port: number;
  /** From now on what the server answers gets lost; the connections break when `cut` is called. */
  loseAnswers(): void;
  /** Breaks all connections; new ones are carried as before. */
  cut(): void;
  /** Resolves when the server has answered something that was lost. */
  readonly lost: Promise<void>;
  close(): Promise<void>;
}

/** Opens a wire to a port of this machine. */
export async function openCutProxy(target: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let isLosing = false;
  let tellLost: () => void = () => undefined;
  const lost = new Promise<void>((resolve) => {
    tellLost = resolve;
  });
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (octets) => upstream.write(octets));
    upstream.on('data', (octets) => {
      if (isLosing) tellLost();
      else client.write(octets);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    isLosing = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    loseAnswers() {
      isLosing = true;
    },
    cut,
    lost,
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
