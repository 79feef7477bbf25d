/**
 * OpenSMTPD as a peer: as a package it conflicts with Postfix, so it is only unpacked (`.ci/run` says how it gets to
 * `.cache/servers`), and runs in a mount namespace of its own because paths are compiled in.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { useOfTree } from '../process-tree.js';
import { type BenchServer, type Candidate, freePort, whenGreeting } from './servers.js';

const root =
  process.env.POSTROAD_SERVERS ?? fileURLToPath(new URL('../../../.cache/servers', import.meta.url));

/** It keeps each message in its queue, and does not sync it to the disk; it can't take one and drop it. */
export function opensmtpdPeer(mode: 'discard' | 'durable'): Candidate {
  return { name: 'OpenSMTPD', missing: whyMissing(mode), start };
}

function whyMissing(mode: 'discard' | 'durable'): string | undefined {
  if (mode === 'discard') return 'can not drop what it takes: see durable accept';
  if (!existsSync(join(root, 'usr/sbin/smtpd'))) return `not unpacked in ${root}`;
  if (process.getuid?.() !== 0) return 'can only be started by root';
  try {
    for (const user of ['opensmtpd', 'opensmtpq']) execFileSync('id', [user], { stdio: 'ignore' });
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
  } catch {
    return 'its users opensmtpd and opensmtpq are missing, or there are no mount namespaces here';
  }
  return undefined;
}

async function start(): Promise<BenchServer> {
  const directory = await mkdtemp(join(process.env.POSTROAD_BENCH_DIRECTORY ?? tmpdir(), 'bench-opensmtpd-'));
  await chmod(directory, 0o755);
  const at = (name: string) => join(directory, name);
  for (const name of ['spool', 'run']) await mkdir(at(name));
  await chmod(at('spool'), 0o711);
  const port = await freePort();
  await writeFile(at('smtpd.conf'), configuration(port), { mode: 0o644 });
  const log = await open(at('log'), 'a');
  const child = spawn('unshare', ['-m', 'sh', '-c', command(directory)], {
    stdio: ['ignore', log.fd, log.fd],
  });
  const ended = once(child, 'exit');
  await log.close();
  await whenGreeting(port, 'OpenSMTPD');
  return {
    name: 'OpenSMTPD',
    port,
    // Its backlog is five connections.
    opensInTurn: true,
    use: async () => useOfTree(child.pid ?? 0),
    async stop() {
      child.kill();
      await ended;
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Nothing is delivered: it starts with mail transfer paused. */
function command(directory: string): string {
  const mounts = [
    ['/usr/libexec/opensmtpd', `${root}/usr/libexec/opensmtpd`],
    ['/var/spool/smtpd', `${directory}/spool`],
    ['/run', `${directory}/run`],
  ].map(([at, from]) => `mkdir -p ${at} && mount --bind ${from} ${at}`);
  const daemon = `${root}/usr/sbin/smtpd -d -P mta -P mda -f ${directory}/smtpd.conf`;
  return `mkdir -p /var/lib/opensmtpd/empty && ${mounts.join(' && ')} && exec ${daemon}`;
}

function configuration(port: number): string {
  return `smtp max-message-size "100M"
smtp limit max-mails 1000000
listen on 127.0.0.1 port ${port} hostname bench.example
action "relay" relay host smtp://127.0.0.1:1
match from any for any action "relay"
`;
}
