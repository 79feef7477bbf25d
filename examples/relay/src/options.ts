/** What the relay can be told, by flags or by the environment. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { TlsPolicy } from '@postroad/core';

/** The server that all mail goes to. */
export interface Smarthost {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsPolicy | 'implicit';
  readonly login?: string;
  readonly password?: string;
}

/** How the relay is to be run. */
export interface RelayOptions {
  readonly host: string;
  readonly port: number;
  readonly submissionPort: number;
  readonly hostname: string;
  readonly dataDirectory: string;
  readonly smarthost: Smarthost;
  /** Certificates to trust instead of the system's. */
  readonly caFile: string | undefined;
  /** Networks whose clients may send without a login. */
  readonly trustedNetworks: readonly string[];
  /** Who gets the relay's own mail. */
  readonly postmaster: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** What `--help` prints. */
export const help = `The relay: takes mail from programs nearby, keeps it safe, and passes it on to one smarthost.

Usage: node examples/relay/dist/main.js --smarthost HOST:PORT [options]

  --smarthost HOST:PORT    the server that all mail goes to
  --login NAME             the login there; the password comes from --password-file or RELAY_PASSWORD
  --password-file FILE     a file with the password in its first line
  --tls POLICY             verified (default with a login), required, opportunistic (default without), implicit, none
  --ca-file FILE           certificates to trust instead of the system's, PEM
  --host ADDRESS           address to listen on (127.0.0.1)
  --port NUMBER            for clients of trusted networks (2526)
  --submission-port NUMBER for clients that log in, accounts are in DATA/users (2588)
  --trust NETWORK          a network whose clients need no login, as 192.0.2.0/24; may be given several times
                           (127.0.0.0/8 and ::1)
  --hostname NAME          the relay's own name (relay.localdomain)
  --postmaster ADDRESS     who gets mail to postmaster at the relay's name
  --data DIRECTORY         where the queue is kept (.postroad-relay)
  --log LEVEL              debug, info, warn, error or silent (info)
  --help                   this text

Other variables of the environment: RELAY_SMARTHOST, RELAY_LOGIN.`;

const tlsPolicies = ['none', 'opportunistic', 'required', 'verified', 'implicit'] as const;
const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Reads flags first, then the environment, then the defaults; throws with a sentence that says what is wrong. */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): RelayOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      smarthost: text,
      login: text,
      'password-file': text,
      tls: text,
      'ca-file': text,
      host: text,
      port: text,
      'submission-port': text,
      trust: { type: 'string', multiple: true },
      hostname: text,
      postmaster: text,
      data: text,
      log: text,
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  const login = values.login ?? environment.RELAY_LOGIN;
  const password = readPassword(values['password-file'], environment.RELAY_PASSWORD);
  if ((login === undefined) !== (password === undefined))
    throw new Error('--login and a password (--password-file or RELAY_PASSWORD) go together');
  return {
    host: values.host ?? '127.0.0.1',
    port: readPort('--port', values.port ?? '2526'),
    submissionPort: readPort('--submission-port', values['submission-port'] ?? '2588'),
    hostname: values.hostname ?? 'relay.localdomain',
    dataDirectory: values.data ?? '.postroad-relay',
    smarthost: {
      ...readAddress(values.smarthost ?? environment.RELAY_SMARTHOST),
      tls: oneOf('--tls', values.tls ?? (login === undefined ? 'opportunistic' : 'verified'), tlsPolicies),
      ...(login === undefined || password === undefined ? {} : { login, password }),
    },
    caFile: values['ca-file'],
    trustedNetworks: values.trust ?? ['127.0.0.0/8', '::1'],
    postmaster: values.postmaster,
    logLevel: oneOf('--log', values.log ?? 'info', logLevels),
  };
}

function readPassword(file: string | undefined, variable: string | undefined): string | undefined {
  if (file === undefined) return variable;
  return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0];
}

function readAddress(text: string | undefined): { readonly host: string; readonly port: number } {
  if (text === undefined) throw new Error('--smarthost is missing: say where all mail goes, as HOST:PORT');
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  if (match === null) throw new Error(`--smarthost ${text}: say HOST:PORT, as smtp.example.org:587`);
  return { host: match[1] ?? match[2] ?? '', port: readPort('--smarthost', match[3] ?? '') };
}

function readPort(flag: string, text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`${flag}: ${text} is not a port number`);
  return port;
}

function oneOf<T extends string>(flag: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found === undefined) throw new Error(`${flag} ${text}: say one of ${known.join(', ')}`);
  return found;
}
