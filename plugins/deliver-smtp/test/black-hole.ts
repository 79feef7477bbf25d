/** An address that takes no connection and refuses none: what is behind it stands still, and its queue is full. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const program = `
  const server = require('node:net').createServer(() => {});
  const [host, port] = process.argv.slice(1);
  server.listen({ host, port: Number(port), backlog: 1 }, () => console.log('listening'));
`;

/** Opens it; returns how to close it. */
export async function openBlackHole(host: string, port: number): Promise<() => void> {
  const child = spawn(process.execPath, ['-e', program, host, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const sockets: Socket[] = [];
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
  };
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  // Connections are made until three in a row are not: the system keeps a few for the program, whatever it wished.
  let waiting = 0;
  for (let at = 0; at < 30 && waiting < 3; at++) {
    let isConnected = false;
    const socket = connect(port, host, () => {
      isConnected = true;
    });
    socket.on('error', () => undefined);
    sockets.push(socket);
    await pause();
    waiting = isConnected ? 0 : waiting + 1;
  }
  if (waiting === 3) return close;
  close();
  throw new Error('the queue of connections does not fill up');
}

/** Long enough for a connection on this machine; what has happened meanwhile is heard of before it ends. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(() => setImmediate(() => setImmediate(resolve)), 100));
}
