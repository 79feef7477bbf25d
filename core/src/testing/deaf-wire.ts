/** A wire to a server on which packets get lost: nobody is told, octets just do not arrive any more. */
import { connect, createServer, type Socket } from 'node:net';

/** The wire. */
export interface DeafWire {
  readonly port: number;
  /** From now on nothing arrives by the connections that there are; new ones are carried. */
  deafen(): void;
  close(): Promise<void>;
}

/** Opens a wire to a port of this machine's loopback, at `host`; the caller closes it. */
export async function openDeafWire(target: number, host = '127.0.0.1'): Promise<DeafWire> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        if (!socket.isPaused()) other.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as { port: number }).port,
    deafen(): void {
      for (const socket of sockets) socket.unpipe().pause();
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
