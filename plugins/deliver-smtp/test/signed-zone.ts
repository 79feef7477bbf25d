/**
 * A signed zone on this machine: nsd serves it, unbound validates it by a trust anchor of ours. Both run from a temporary
 * directory, as whoever runs the tests, on loopback.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createResolver, type Resolver, systemClock } from '@postroad/core';
import { createSeededRandom } from '@postroad/core/testing';

/** Why it can't be started; `undefined` when it can. */
export const missingDnsTools: string | undefined = whyMissing();

/** The zones, and how to look something up in them. */
export interface SignedZones {
  readonly resolver: Resolver;
  stop(): Promise<void>;
}

/** A zone by its name: its records, and what becomes of it. */
export interface ZoneWish {
  readonly name: string;
  readonly records: string;
  /** `signed`, `unsigned`, or `bogus`: signed, and changed afterwards. */
  readonly is: 'signed' | 'unsigned' | 'bogus';
}

function whyMissing(): string | undefined {
  // Each prints how it is used, and ends with any status.
  for (const [program, option] of [
    ['unbound', '-V'],
    ['nsd', '-v'],
    ['ldns-signzone', '-v'],
  ] as const) {
    try {
      execFileSync(program, [option], { stdio: 'ignore', env: withSbin(), timeout: 20_000 });
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT')
        return `${program} is not installed (Debian: unbound, nsd, ldnsutils)`;
    }
  }
  return undefined;
}

function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}

/** Signs, serves and validates. */
export async function startSignedZones(zones: readonly ZoneWish[]): Promise<SignedZones> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-zones-'));
  const anchors: string[] = [];
  for (const zone of zones) anchors.push(...(await writeZone(directory, zone)));
  const [nsdPort, unboundPort] = [await freeDnsPort(), await freeDnsPort()];
  await writeFile(join(directory, 'nsd.conf'), nsdConfiguration(directory, nsdPort, zones));
  await writeFile(join(directory, 'anchors'), anchors.join(''));
  await writeFile(
    join(directory, 'unbound.conf'),
    unboundConfiguration(directory, unboundPort, nsdPort, zones),
  );
  const children = [
    run('nsd', ['-d', '-c', join(directory, 'nsd.conf')]),
    run('unbound', ['-d', '-c', join(directory, 'unbound.conf')]),
  ];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  const resolver = createResolver({
    servers: [`127.0.0.1:${unboundPort}`],
    hostsFile: false,
    clock: systemClock,
    random: createSeededRandom(1),
  });
  try {
    await answers(resolver, zones[0]?.name ?? '', children);
  } catch (error) {
    await stop();
    throw error;
  }
  return { resolver, stop };
}

/** The zone's file, signed when it is to be; the keys that vouch for it. */
async function writeZone(directory: string, { name, records, is }: ZoneWish): Promise<readonly string[]> {
  const file = join(directory, `${name}.zone`);
  const soa = `@ IN SOA ns.${name}. hostmaster.${name}. 1 3600 600 86400 60\n@ IN NS ns.${name}.\nns IN A 127.0.0.1\n`;
  await writeFile(file, `$ORIGIN ${name}.\n$TTL 300\n${soa}${records}`);
  if (is === 'unsigned') return [];
  const options = {
    cwd: directory,
    env: withSbin(),
    stdio: ['ignore' as const, 'pipe' as const, 'ignore' as const],
  };
  const key = execFileSync('ldns-keygen', ['-a', 'ECDSAP256SHA256', '-k', `${name}.`], {
    ...options,
    timeout: 20_000,
  })
    .toString()
    .trim();
  execFileSync('ldns-signzone', ['-f', `${file}.signed`, file, key], { ...options, timeout: 20_000 });
  const signed = await readFile(`${file}.signed`, 'utf8');
  // Somebody on the way says another address: the signature is of the one before.
  await writeFile(file, is === 'bogus' ? signed.replaceAll('127.0.0.1', '127.0.0.3') : signed);
  return [await readFile(join(directory, `${key}.key`), 'utf8')];
}

function nsdConfiguration(directory: string, port: number, zones: readonly ZoneWish[]): string {
  const server = `server:
 ip-address: 127.0.0.1@${port}
 username: ""
 chroot: ""
 database: ""
 zonesdir: "${directory}"
 pidfile: "${directory}/nsd.pid"
 xfrdfile: "${directory}/xfrd.state"
 zonelistfile: "${directory}/zone.list"
 logfile: "${directory}/nsd.log"
remote-control:
 control-enable: no
`;
  return server + zones.map(({ name }) => `zone:\n name: ${name}\n zonefile: ${name}.zone\n`).join('');
}

function unboundConfiguration(
  directory: string,
  port: number,
  nsdPort: number,
  zones: readonly ZoneWish[],
): string {
  const server = `server:
 interface: 127.0.0.1@${port}
 username: ""
 chroot: ""
 directory: "${directory}"
 pidfile: "${directory}/unbound.pid"
 logfile: "${directory}/unbound.log"
 use-syslog: no
 do-daemonize: no
 num-threads: 1
 do-ip6: no
 do-not-query-localhost: no
 module-config: "validator iterator"
 trust-anchor-file: "${directory}/anchors"
remote-control:
 control-enable: no
`;
  return (
    server +
    zones.map(({ name }) => `stub-zone:\n name: ${name}\n stub-addr: 127.0.0.1@${nsdPort}\n`).join('')
  );
}

function run(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: 'ignore', env: withSbin() });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}

async function answers(resolver: Resolver, name: string, children: readonly ChildProcess[]): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (children.some(({ exitCode }) => exitCode !== null)) throw new Error('a name server has ended');
    try {
      if ((await resolver.addresses(`ns.${name}`)).length > 0) return;
    } catch {
      // Not there yet: it is asked again.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the name servers do not answer');
}

/** Free for TCP and UDP. */
async function freeDnsPort(): Promise<number> {
  for (;;) {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as { port: number };
    const socket = createSocket('udp4');
    const isFree = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
    socket.close();
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    if (isFree) return port;
  }
}
