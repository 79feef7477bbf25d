/** A network of its own for one process, joined to this machine by wires that a test can pull out. Needs root. */
import { execFileSync } from 'node:child_process';
import { connect, createServer, type Server } from 'node:net';

/** A wire to one server. */
export interface CutWire {
  /** Where the server can be reached from inside. */
  readonly host: string;
  readonly port: number;
  /** Pulls the wire out or puts it in again: nobody is told, packets just do not arrive. */
  cut(isCut: boolean): void;
}

/** The network. */
export interface CutNetwork {
  /** How a command is run in it: put this in front. */
  readonly prefix: readonly string[];
  /** A wire for each server, in their order. */
  readonly wires: readonly CutWire[];
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

/** Makes a network from which ports of this machine's loopback can be reached, each by a wire of its own; ten at most. */
export async function openCutNetwork(...targets: readonly number[]): Promise<CutNetwork> {
  const name = `pr${process.pid}`;
  const servers: Server[] = [];
  const wires: CutWire[] = [];
  ip('netns', 'add', name);
  const close = async (): Promise<void> => {
    // With the network its ends of the wires go, and with these the others.
    ip('netns', 'del', name);
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
  };
  try {
    ip('-n', name, 'link', 'set', 'lo', 'up');
    for (const [at, target] of targets.entries()) {
      const outside = `${name}o${at}`;
      const host = layWire(name, outside, at);
      const server = await openRelay(host, target);
      servers.push(server);
      const { port } = server.address() as { port: number };
      wires.push({ host, port, cut: (isCut) => ip('link', 'set', outside, isCut ? 'down' : 'up') });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { prefix: ['ip', 'netns', 'exec', name], wires, close };
}

/** Lays a wire into the network; gives the address of its end out here. */
function layWire(network: string, outside: string, at: number): string {
  const inside = `${network}i${at}`;
  const net = `10.231.${process.pid % 250}`;
  const [near, far] = [`${net}.${4 * at + 1}`, `${net}.${4 * at + 2}`];
  ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', network);
  ip('addr', 'add', `${near}/30`, 'dev', outside);
  ip('link', 'set', outside, 'up');
  ip('-n', network, 'addr', 'add', `${far}/30`, 'dev', inside);
  ip('-n', network, 'link', 'set', inside, 'up');
  return near;
}

/** Carries connections on to the loopback, which is another one inside. */
async function openRelay(host: string, target: number): Promise<Server> {
  const server = createServer((socket) => {
    const onward = connect(target, '127.0.0.1');
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server;
}
