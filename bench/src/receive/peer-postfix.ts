/** Postfix as a peer: the programs of the system with a configuration and directories of their own, on loopback. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useOfTree } from '../process-tree.js';
import { type BenchServer, type Candidate, freePort, whenGreeting } from './servers.js';

const run = promisify(execFile);

/** `discard` drops each message once it is taken, `durable` keeps it in the hold queue: nothing is delivered. */
export function postfixPeer(mode: 'discard' | 'durable'): Candidate {
  const missing = !existsSync('/usr/sbin/postfix')
    ? 'not installed'
    : process.getuid?.() !== 0
      ? 'can only be started by root'
      : undefined;
  return { name: 'Postfix', missing, start: () => start(mode) };
}

async function start(mode: 'discard' | 'durable'): Promise<BenchServer> {
  const directory = await mkdtemp(join(process.env.POSTROAD_BENCH_DIRECTORY ?? tmpdir(), 'bench-postfix-'));
  await chmod(directory, 0o755);
  const at = (name: string) => join(directory, name);
  for (const name of ['conf', 'queue', 'data']) await mkdir(at(name));
  const { stdout } = await run('id', ['-u', 'postfix']);
  await chown(at('data'), Number(stdout), 0);
  const port = await freePort();
  await writeFile(at('conf/main.cf'), mainConfiguration(directory, mode));
  await writeFile(at('conf/master.cf'), masterConfiguration(port));
  await run('postfix', ['-c', at('conf'), 'start']);
  await whenGreeting(port, 'Postfix');
  const master = Number((await readFile(at('queue/pid/master.pid'), 'latin1')).trim());
  return {
    name: 'Postfix',
    port,
    use: async () => useOfTree(master),
    async stop() {
      await run('postfix', ['-c', at('conf'), 'stop']);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Nothing that slows it down without need: no DNS, no limits that a bench would meet, a log as usual. */
function mainConfiguration(directory: string, mode: 'discard' | 'durable'): string {
  return `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access static:${mode === 'discard' ? 'DISCARD' : 'HOLD'}, permit_mynetworks, reject
message_size_limit = 104857600
mailbox_size_limit = 0
default_process_limit = 200
in_flow_delay = 0
smtputf8_enable = no
maillog_file = ${directory}/log
maillog_file_prefixes = ${directory}
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
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
}
