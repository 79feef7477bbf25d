/** A network of its own for one process, joined to this machine by a wire that a test can pull out. Needs root. */
import { execFileSync } from 'node:child_process';
import { connect, createServer } from 'node:net';

/** The network. */
export interface CutNetwork {
  /** How a command is run in it: put this in front. */
  readonly prefix: readonly string[];
  /** Where the server can be reached from inside. */
  readonly host: string;
  readonly port: number;
  /** Pulls the wire out or puts it in again: nobody is told, packets just do not arrive. */
  cut(isCut: boolean): void;
  close(): Promise<void>;
}

const ip = (...args: readonly string[]): void => {
  execFileSync('ip', args, { stdio: 'pipe', timeout: 20_000 });
};

/** Why there can be none here; `undefined` when there can. */
export function networkMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'networks of their own need root';
  const name = `prprobe${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'del', name);
    return undefined;
  } catch (error) {
    return `networks of their own can not be made here (Debian: iproute2): ${String(error).slice(0, 200)}`;
  }
}

/** Makes a network from which a port of this machine's loopback can be reached. */
export async function openCutNetwork(target: number): Promise<CutNetwork> {
  const name = `pr${process.pid}`;
  const [outside, inside] = [`${name}o`, `${name}i`];
  const net = `10.231.${process.pid % 250}`;
  ip('netns', 'add', name);
  try {
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', name);
    ip('addr', 'add', `${net}.1/30`, 'dev', outside);
    ip('link', 'set', outside, 'up');
    ip('-n', name, 'addr', 'add', `${net}.2/30`, 'dev', inside);
    ip('-n', name, 'link', 'set', inside, 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  } catch (error) {
    ip('netns', 'del', name);
    throw error;
  }
  const server = createServer((socket) => {
    const onward = connect(target, '127.0.0.1');
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, `${net}.1`, resolve));
  return {
    prefix: ['ip', 'netns', 'exec', name],
    host: `${net}.1`,
    port: (server.address() as { port: number }).port,
    cut: (isCut) => ip('link', 'set', outside, isCut ? 'down' : 'up'),
    async close() {
      // With the network its end of the wire goes, and with that the other end.
      ip('netns', 'del', name);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
