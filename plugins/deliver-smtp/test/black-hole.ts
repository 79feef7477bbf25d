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
  // Connections are made until one is not: the system keeps a few for the program, whatever it wished.
  for (let at = 0; at < 20; at++) {
    const socket = connect(port, host);
    socket.on('error', () => undefined);
    sockets.push(socket);
    const answer = once(socket, 'connect').then(() => true);
    if (!(await Promise.race([answer, pause()]))) return close;
  }
  close();
  throw new Error('the queue of connections does not fill up');
}

function pause(): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), 200));
}
