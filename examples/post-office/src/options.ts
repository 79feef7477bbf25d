/** What the post office can be told, by flags or by the environment. */
import { parseArgs } from 'node:util';

/** The ports, by what is spoken on them. */
export interface Ports {
  readonly smtp: number;
  readonly submission: number;
  readonly submissions: number;
  readonly lmtp: number;
  readonly imap: number;
  readonly imaps: number;
  readonly pop3: number;
  readonly pop3s: number;
}

/** How the post office is to be run. */
export interface PostOfficeOptions {
  readonly host: string;
  readonly domain: string;
  readonly hostname: string;
  readonly dataDirectory: string;
  readonly ports: Ports;
  readonly dnsServers: readonly string[];
  /** The port of other domains' servers. */
  readonly mxPort: number;
  /** Whether other domains' servers may be at loopback and private addresses. */
  readonly isPrivateMxAllowed: boolean;
  /** Waits between tries; empty for the queue's own. */
  readonly retryDelaysMs: readonly number[];
  /** Largest message; `undefined` for the server's own limit. */
  readonly sizeBytesMax: number | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Processes that share the work; one by default. Only `postroad start` can have several. */
  readonly workers?: number | 'auto';
}

const defaultPorts: Ports = {
  smtp: 2525,
  submission: 2587,
  submissions: 2465,
  lmtp: 2424,
  imap: 2143,
  imaps: 2993,
  pop3: 2110,
  pop3s: 2995,
};

/** What `--help` prints. */
export const help = `The post office: a whole mail server for one domain.

Usage: npm start -- [options]

  --host ADDRESS       address to listen on (127.0.0.1)
  --domain DOMAIN      the domain whose mail is kept here (example.org)
  --hostname NAME      the server's own name (mail.DOMAIN)
  --data DIRECTORY     where everything is kept (.postroad)
  --port NAME=NUMBER   a port; may be given several times. Names and defaults:
                       ${Object.entries(defaultPorts)
                         .map(([name, port]) => `${name}=${port}`)
                         .join(' ')}
  --dns ADDRESS:PORT   a DNS server to ask instead of the system's; may be given several times
  --mx-port NUMBER     the port of other domains' servers (25)
  --mx-private         other domains' servers may be at loopback and private addresses
  --retry SECONDS,...  waits between tries to deliver; the last one repeats (60,300,900,1800,3600,7200,14400)
  --max-size OCTETS    largest message (52428800)
  --log LEVEL          debug, info, warn, error or silent (warn)
  --help               this text

The environment serves as well: POSTROAD_HOST, POSTROAD_DOMAIN, POSTROAD_HOSTNAME, POSTROAD_DATA,
POSTROAD_PORT_SMTP (and so on for each port), POSTROAD_DNS, POSTROAD_MX_PORT, POSTROAD_MX_PRIVATE=1,
POSTROAD_RETRY, POSTROAD_MAX_SIZE, POSTROAD_LOG. Started by \`npx postroad start --config examples/post-office\` it
works in POSTROAD_WORKERS processes, or with \`auto\` in one for each core.`;

/** Reads flags first, then the environment, then the defaults; throws with a sentence that says what is wrong. */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): PostOfficeOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      host: { type: 'string' },
      domain: { type: 'string' },
      hostname: { type: 'string' },
      data: { type: 'string' },
      port: { type: 'string', multiple: true },
      dns: { type: 'string', multiple: true },
      'mx-port': { type: 'string' },
      'mx-private': { type: 'boolean' },
      retry: { type: 'string' },
      'max-size': { type: 'string' },
      log: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  const domain = (values.domain ?? environment.POSTROAD_DOMAIN ?? 'example.org').toLowerCase();
  return {
    host: values.host ?? environment.POSTROAD_HOST ?? '127.0.0.1',
    domain,
    hostname: values.hostname ?? environment.POSTROAD_HOSTNAME ?? `mail.${domain}`,
    dataDirectory: values.data ?? environment.POSTROAD_DATA ?? '.postroad',
    ports: readPorts(values.port ?? [], environment),
    dnsServers: values.dns ?? environment.POSTROAD_DNS?.split(',') ?? [],
    mxPort: readPort('of --mx-port', values['mx-port'] ?? environment.POSTROAD_MX_PORT ?? '25'),
    isPrivateMxAllowed: values['mx-private'] ?? environment.POSTROAD_MX_PRIVATE === '1',
    retryDelaysMs: readDelays(values.retry ?? environment.POSTROAD_RETRY),
    sizeBytesMax: readSize(values['max-size'] ?? environment.POSTROAD_MAX_SIZE),
    logLevel: readLevel(values.log ?? environment.POSTROAD_LOG ?? 'warn'),
    workers: readWorkers(environment.POSTROAD_WORKERS ?? '1'),
  };
}

function readPorts(
  flags: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Ports {
  const ports: Record<string, number> = { ...defaultPorts };
  for (const name of Object.keys(ports)) {
    const value = environment[`POSTROAD_PORT_${name.toUpperCase()}`];
    if (value !== undefined) ports[name] = readPort(name, value);
  }
  for (const flag of flags) {
    const [name = '', value = ''] = flag.split('=');
    if (!Object.hasOwn(ports, name)) {
      throw new Error(`--port ${flag}: the names are ${Object.keys(ports).join(', ')}`);
    }
    ports[name] = readPort(name, value);
  }
  return ports as unknown as Ports;
}

function readPort(name: string, value: string): number {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65_535) throw new Error(`port ${name}: ${value} is not a port number`);
  return port;
}

function readWorkers(value: string): number | 'auto' {
  if (value === 'auto') return value;
  const workers = Number(value);
  if (!Number.isInteger(workers) || workers < 1)
    throw new Error(`POSTROAD_WORKERS is no number of processes: ${value}`);
  return workers;
}

function readDelays(text: string | undefined): readonly number[] {
  if (text === undefined) return [];
  return text.split(',').map((part) => {
    const seconds = Number(part);
    if (part.trim() === '' || !(seconds > 0)) throw new Error(`--retry ${text}: say seconds, as in 60,300`);
    return Math.round(seconds * 1_000);
  });
}

function readSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Error(`--max-size ${text}: say a number of octets`);
  return Number(text);
}

function readLevel(level: string): PostOfficeOptions['logLevel'] {
  const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
  const known = levels.find((one) => one === level);
  if (known === undefined) throw new Error(`--log ${level}: say one of ${levels.join(', ')}`);
  return known;
}
