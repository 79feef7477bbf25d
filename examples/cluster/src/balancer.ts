/** HAProxy in front of the nodes: it tells them by the PROXY protocol (version 2) who the client is, and asks whether they are well. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@postroad/core';

const program = '/usr/sbin/haproxy';

/** Why there can be none here; `undefined` when there can. */
export const balancerMissing = existsSync(program) ? undefined : 'HAProxy is not installed (Debian: haproxy)';

/** A port in front, and those behind it. */
export interface Balanced {
  readonly name: string;
  readonly port: number;
  readonly nodes: readonly number[];
}

/** The configuration; `docker/haproxy.cfg` is of the same kind. */
export function balancerConfig(all: readonly Balanced[]): string {
  const sections = all.map(({ name, port, nodes }) => {
    const servers = nodes.map(
      (node, at) =>
        `  server node${at + 1} 127.0.0.1:${node} send-proxy-v2 check check-send-proxy inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions`,
    );
    return [
      `frontend ${name}`,
      `  bind 127.0.0.1:${port}`,
      `  default_backend ${name}`,
      `backend ${name}`,
      '  balance leastconn',
      '  option smtpchk EHLO balancer.test',
      ...servers,
    ].join('\n');
  });
  return `global
  maxconn 4000
defaults
  mode tcp
  timeout connect 1s
  timeout check 2s
  timeout client 6m
  timeout server 6m
  retries 3
  option redispatch
${sections.join('\n')}
`;
}

/** Starts it; resolves when it listens. */
export async function startBalancer(all: readonly Balanced[]): Promise<{ stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-haproxy-'));
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, balancerConfig(all));
  const child = spawn(program, ['-db', '-q', '-f', file], { stdio: ['ignore', 'ignore', 'ignore'] });
  for (const { port } of all) await untilListening(port, child);
  return {
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; !(await isListening(port)); tries++) {
    if (child.exitCode !== null || tries > 600) throw new Error('HAProxy does not start');
    await systemClock.sleep(50);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
