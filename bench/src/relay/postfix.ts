/** Postfix as a relay to the sink: Debian's programs with a configuration and directories of their own. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Relay, RelayServerOptions } from './relay.js';
import { useOf } from './use-of.js';

const run = promisify(execFile);

/** Starts it; `undefined` when it is not installed or nobody may start it. */
export async function startPostfix(options: RelayServerOptions): Promise<Relay | undefined> {
  if (!existsSync('/usr/sbin/postfix') || process.getuid?.() !== 0) return undefined;
  const directory = await mkdtemp(join(options.directory, 'postroad-bench-postfix-'));
  await chmod(directory, 0o755);
  const at = (name: string): string => join(directory, name);
  for (const name of ['conf', 'queue', 'data']) await mkdir(at(name));
  const { stdout } = await run('id', ['-u', 'postfix']);
  await chown(at('data'), Number(stdout), 0);
  const port = await freePort();
  await writeFile(at('conf/main.cf'), mainConfiguration(directory, options));
  await writeFile(at('conf/master.cf'), masterConfiguration(port));
  await run('postfix', ['-c', at('conf'), 'start']);
  const pid = Number(await readFile(at('queue/pid/master.pid'), 'latin1'));
  return {
    name: 'Postfix',
    port,
    use: async () => useOf(pid),
    async stop() {
      await run('postfix', ['-c', at('conf'), 'stop']);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

/** As good as it gets: no delays at the intake, 50 deliveries at once, connections that are kept, no logs of names. */
function mainConfiguration(directory: string, { sinkPort, directory: parent }: RelayServerOptions): string {
  return `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
default_process_limit = 200
in_flow_delay = 0
smtputf8_enable = no
relayhost = [127.0.0.1]:${sinkPort}
smtp_destination_concurrency_limit = 50
smtp_connection_cache_destinations = 127.0.0.1
smtp_tls_security_level = none
maillog_file = ${directory}/log
maillog_file_prefixes = ${parent}
`;
}

function masterConfiguration(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}
