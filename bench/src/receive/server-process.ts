/** What every server of the bench does beside serving: says where it listens, and what it has used when asked. */
import type { Server } from 'node:net';

/** Listens on loopback, tells the parent, and answers `use`. */
export function reportServer(server: Server): void {
  server.listen(0, '127.0.0.1', () => reportUse((server.address() as { port: number }).port));
}

/** Tells the parent the port, answers `use`, and ends with the parent. */
export function reportUse(port: number): void {
  process.send?.({ kind: 'ready', port });
  process.on('message', (message) => {
    if (message !== 'use') return;
    const { user, system } = process.cpuUsage();
    const residentBytes = process.memoryUsage.rss();
    process.send?.({ kind: 'use', cpuSeconds: (user + system) / 1_000_000, residentBytes });
  });
  process.on('disconnect', () => process.exit());
}
