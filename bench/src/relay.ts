/**
 * Accept durably and deliver by SMTP, end to end: load, server and sink are processes of their own on loopback. The
 * time runs from the first connection until the sink has the last message.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { RelayServerOptions } from './relay-server.js';
import { loadSmtp } from './smtp-load.js';

interface ServerFacts {
  readonly cpuMs: number;
  readonly rssMb: number;
  readonly waiting: number;
}

/** Runs it: `npm run bench -- relay --messages 5000 --connections 50 --size 10240 --engine lmdb`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '5000' },
      connections: { type: 'string', default: '50' },
      size: { type: 'string', default: '10240' },
      engine: { type: 'string', default: 'lmdb' },
      directory: { type: 'string', default: tmpdir() },
      rounds: { type: 'string', default: '3' },
    },
  });
  const engine = values.engine === 'memory' ? 'memory' : 'lmdb';
  const sink = await start('sink.js', '');
  const options: RelayServerOptions = { sinkPort: sink.port, engine, directory: values.directory };
  const ours = await start('relay-server.js', options);
  const peer = await start('relay-peer.js', options);
  const load = {
    connections: Number(values.connections),
    messages: Number(values.messages),
    sizeBytes: Number(values.size),
  };
  console.log(
    `relay, ${engine}, ${load.sizeBytes} octets, ${load.connections} connections; the peer is not durable`,
  );
  try {
    for (const { process: server, port } of [ours, peer]) {
      // The first messages cost more: the compiler has to see them first.
      await measure(server, sink.process, { ...load, port, messages: Math.min(load.messages, 2_000) });
    }
    for (let round = 1; round <= Number(values.rounds); round++) {
      const own = await measure(ours.process, sink.process, { ...load, port: ours.port });
      const other = await measure(peer.process, sink.process, { ...load, port: peer.port });
      console.log(`postroad                 ${describe(own)}`);
      console.log(`smtp-server + nodemailer ${describe(other)}`);
      const rate = own.perSecond / other.perSecond;
      console.log(
        `ratio                    ${rate.toFixed(2)} x messages/s, ${(own.cpuMs / other.cpuMs).toFixed(2)} x CPU\n`,
      );
    }
  } finally {
    for (const { process: server } of [ours, peer]) {
      server.send('stop');
      await once(server, 'exit');
    }
    sink.process.disconnect();
  }
}

function describe(facts: Awaited<ReturnType<typeof measure>>): string {
  return (
    `${facts.perSecond.toFixed(0)} messages/s, ${facts.cpuMs.toFixed(3)} CPU ms a message, ` +
    `accepted at ${facts.acceptedPerSecond.toFixed(0)}/s, ${facts.rssMb.toFixed(0)} MB`
  );
}

async function start(file: string, options: unknown): Promise<{ process: ChildProcess; port: number }> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { process: child, port };
}

async function ask<T>(child: ChildProcess): Promise<T> {
  const answered = once(child, 'message');
  child.send('facts');
  return (await answered)[0] as T;
}

async function measure(server: ChildProcess, sink: ChildProcess, load: Parameters<typeof loadSmtp>[0]) {
  const before = await ask<ServerFacts>(server);
  const { messages: had } = await ask<{ messages: number }>(sink);
  const startedAt = performance.now();
  await loadSmtp(load);
  const acceptedMs = performance.now() - startedAt;
  for (;;) {
    const { messages } = await ask<{ messages: number }>(sink);
    if (messages - had >= load.messages) break;
    if (performance.now() - startedAt > 120_000) throw new Error(`only ${messages - had} messages arrived`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const tookMs = performance.now() - startedAt;
  const after = await ask<ServerFacts>(server);
  return {
    perSecond: (load.messages * 1000) / tookMs,
    acceptedPerSecond: (load.messages * 1000) / acceptedMs,
    cpuMs: (after.cpuMs - before.cpuMs) / load.messages,
    rssMb: after.rssMb,
  };
}
