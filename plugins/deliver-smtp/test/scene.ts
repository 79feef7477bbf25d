/** What every test of deliveries needs; whatever it opens is closed after each test. */
import { type DeliveryReport, formatReply } from '@postroad/core';
import { onTestFinished } from 'vitest';
import { createHarness, type Harness } from './harness.js';
import { type Script, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const closing: (() => Promise<void> | void)[] = [];

/** Closes it when the test is over. */
function closeInTheEnd(close: (typeof closing)[number]): void {
  if (closing.length === 0) onTestFinished(closeAll);
  closing.push(close);
}

async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

/** Closes something after the test. */
export function closeLater(close: () => Promise<void> | void): void {
  closeInTheEnd(close);
}

/** A server that plays a script. */
export async function serve(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  closeInTheEnd(() => server.close());
  return server;
}

/** A deliverer. */
export function harness(options: Parameters<typeof createHarness>[0] = {}): Harness {
  const made = createHarness(options);
  closeInTheEnd(() => made.deliverer.pool.close());
  return made;
}

/** The route to a server over SMTP. */
export const smtp = (server: ScriptedServer) =>
  ({ transport: 'smtp', host: 'localhost', port: server.port }) as const;

/** The route to a server over LMTP. */
export const lmtp = (server: ScriptedServer) =>
  ({ transport: 'lmtp', host: 'localhost', port: server.port }) as const;

/** A route by MX. */
export const mx = { transport: 'mx', domain: 'example.net' } as const;

/** The outcomes as text, in the order of the recipients. */
export const told = (report: DeliveryReport) =>
  [...report.outcomes]
    .sort((a, b) => a.index - b.index)
    .map(({ status, reply }) => `${status} ${formatReply(reply)}`);
