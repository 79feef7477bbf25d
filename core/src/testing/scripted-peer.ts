/** A server that says what a test wants: for filters and other programs that misbehave. */
import { createServer, type Socket } from 'node:net';

/** A server that runs. `await using` stops it, its connections too. */
export interface ScriptedPeer extends AsyncDisposable {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  stop(): Promise<void>;
}

/** Starts it on loopback; `talk` has each connection, which may break at any time. */
export async function startScriptedPeer(talk: (socket: Socket) => void): Promise<ScriptedPeer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    port: (server.address() as { port: number }).port,
    get connections() {
      return connections;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
