/** What connections cost that do nothing: memory of the server with many clients in IDLE. */
import { type LoadClient, logIn } from './client.js';
import { memoryKb } from './processes.js';

/** Kilobytes of the server for each idle connection. */
export async function idleMemory(
  pid: number,
  port: number,
  account: string,
  connections: number,
): Promise<number> {
  const clients: LoadClient[] = [await logIn(port, account)];
  const before = await memoryKb(pid);
  try {
    for (let from = 0; from < connections; from += 50) {
      const made = Array.from({ length: Math.min(50, connections - from) }, () => idler(port, account));
      clients.push(...(await Promise.all(made)));
    }
    return ((await memoryKb(pid)) - before) / connections;
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function idler(port: number, account: string): Promise<LoadClient> {
  const client = await logIn(port, account);
  await client.exchange('i IDLE\r\n', /\+ .*\r\n$/);
  return client;
}
