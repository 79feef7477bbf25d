/** Debian's slapd in a folder of its own, on a free port of loopback, with a certificate for 127.0.0.1. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Attribute, Change, Client } from 'ldapts';

const run = promisify(execFile);
const program = '/usr/sbin/slapd';

/** Why it can't run here; `undefined` when it can. */
export const slapdMissing = !existsSync(program)
  ? 'slapd IS NOT INSTALLED (Debian: slapd), SKIPPED'
  : !existsSync('/usr/bin/openssl')
    ? 'openssl IS NOT INSTALLED, SKIPPED'
    : undefined;

/** A running server. */
export interface Slapd {
  readonly url: string;
  readonly port: number;
  readonly certificate: string;
  /** Gives attributes of an entry other values; an empty list takes the attribute away. */
  change(dn: string, attributes: Readonly<Record<string, readonly string[]>>): Promise<void>;
  stop(): Promise<void>;
}

/** Who may search. */
export const manager = { bindDn: 'cn=manager,dc=example', bindPassword: 'managing' };

/** Starts it with these entries in LDIF. */
export async function startSlapd(ldif: string): Promise<Slapd> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-slapd-'));
  await mkdir(join(folder, 'data'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  const conf = join(folder, 'slapd.conf');
  await writeFile(
    conf,
    [
      ...['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`),
      'modulepath /usr/lib/ldap',
      'moduleload back_mdb',
      `pidfile ${join(folder, 'pid')}`,
      `TLSCertificateFile ${cert}`,
      `TLSCertificateKeyFile ${key}`,
      // No password without TLS.
      'security simple_bind=128',
      'database mdb',
      `directory ${join(folder, 'data')}`,
      'suffix "dc=example"',
      `rootdn "${manager.bindDn}"`,
      `rootpw ${manager.bindPassword}`,
      'access to attrs=userPassword by anonymous auth by * none',
      'access to * by dn="cn=manager,dc=example" write by * none',
      '',
    ].join('\n'),
  );
  const entries = join(folder, 'entries.ldif');
  await writeFile(entries, ldif);
  await run('/usr/sbin/slapadd', ['-q', '-f', conf, '-l', entries]);
  const port = await freePort();
  const child = spawn(program, ['-h', `ldap://127.0.0.1:${port}/`, '-f', conf, '-d', '0'], {
    stdio: 'ignore',
  });
  const stop = async () => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilItListens(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `ldap://127.0.0.1:${port}`;
  const certificate = await readFile(cert, 'utf8');
  const change: Slapd['change'] = async (dn, attributes) => {
    const client = new Client({ url });
    await client.startTLS({ ca: certificate });
    await client.bind(manager.bindDn, manager.bindPassword);
    const changes = Object.entries(attributes).map(
      ([type, values]) =>
        new Change({ operation: 'replace', modification: new Attribute({ type, values: [...values] }) }),
    );
    await client.modify(dn, changes);
    await client.unbind();
  };
  return { url, port, certificate, change, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilItListens(port: number, child: ChildProcess): Promise<void> {
  const limit = AbortSignal.timeout(30_000);
  while (!(await listens(port))) {
    if (limit.aborted || child.exitCode !== null) throw new Error('slapd does not listen');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tcpConnect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
