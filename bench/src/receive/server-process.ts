/** What every server of the bench does beside serving: says where it listens, and what it has used when asked. */
import type { Server } from 'node:net';

/** Listens on loopback, tells the parent, and answers `use`. */
export function reportServer(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number };
    process.send?.({ kind: 'ready', port });
  });
  process.on('message', (message) => {
    if (message !== 'use') return;
    const { user, system } = process.cpuUsage();
    const residentBytes = process.memoryUsage.rss();
    process.send?.({ kind: 'use', cpuSeconds: (user + system) / 1_000_000, residentBytes });
  });
  process.on('disconnect', () => process.exit());
}
