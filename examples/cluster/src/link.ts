/** A link between a node and an engine that can be cut: nobody is told, octets just do not arrive any more. */
import { connect, createServer, type Socket } from 'node:net';

/** The link. */
export interface Link {
  readonly port: number;
  /** Cuts it or mends it; what was on its way arrives when it is mended. */
  cut(isCut: boolean): void;
  close(): Promise<void>;
}

/** Opens a link to a port of this machine. */
export async function openLink(target: number): Promise<Link> {
  const sockets = new Set<Socket>();
  const waiting: Socket[] = [];
  let isCut = false;
  const carry = (client: Socket): void => {
    const upstream = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => from.destroy());
      from.on('close', () => {
        sockets.delete(from);
        // An end that nobody can hear of is not told either.
        if (!isCut) to.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  };
  const server = createServer((client) => {
    if (!isCut) return carry(client);
    client.on('error', () => client.destroy());
    waiting.push(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    cut(isCutNow) {
      isCut = isCutNow;
      for (const socket of sockets) {
        if (isCut) socket.pause();
        else socket.resume();
      }
      if (!isCut) for (const client of waiting.splice(0)) if (!client.destroyed) carry(client);
    },
    async close() {
      for (const socket of [...sockets, ...waiting]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
