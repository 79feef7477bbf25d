/**
 * What one would write by hand: a bare smtp-server that hands each message to nodemailer's client over connections that
 * are kept. It answers 250 before anything is on disk, so it is measured without what makes a relay safe.
 */
import type { AddressInfo } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { SMTPServer } from 'smtp-server';
import type { RelayServerOptions } from './relay.js';

interface Waiting {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: Buffer;
}

const { sinkPort } = JSON.parse(process.argv[2] ?? '{}') as RelayServerOptions;
const connectionsMax = 20;
const waiting: Waiting[] = [];
const idle: SMTPConnection[] = [];
let open = 0;

const server = new SMTPServer({
  name: 'bench.example',
  authOptional: true,
  disableReverseLookup: true,
  disabledCommands: ['AUTH', 'STARTTLS'],
  logger: false,
  onData(stream, session, done) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const { mailFrom, rcptTo } = session.envelope;
      const from = mailFrom === false ? '' : mailFrom.address;
      waiting.push({
        from,
        to: rcptTo.map((recipient) => recipient.address),
        content: Buffer.concat(chunks),
      });
      done(null);
      work();
    });
  },
});
server.on('error', (error) => console.error(error));
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.server.address() as AddressInfo).port }));

function work(): void {
  while (waiting.length > 0) {
    const connection = idle.pop();
    if (connection !== undefined) send(connection);
    else if (open < connectionsMax) connect();
    else return;
  }
}

function connect(): void {
  open++;
  const connection = new SMTPConnection({
    host: '127.0.0.1',
    port: sinkPort,
    ignoreTLS: true,
    name: 'bench.example',
  });
  connection.on('error', (error: Error) => console.error(error));
  connection.connect(() => send(connection));
}

function send(connection: SMTPConnection): void {
  const message = waiting.shift();
  if (message === undefined) {
    idle.push(connection);
    return;
  }
  connection.send({ from: message.from, to: [...message.to] }, message.content, (error) => {
    if (error) console.error(error);
    connection.reset(() => send(connection));
  });
}

process.on('message', (message) => {
  if (message === 'stop') process.exit();
  const { user, system } = process.cpuUsage();
  const rssMb = process.memoryUsage.rss() / 1e6;
  process.send?.({ cpuMs: (user + system) / 1000, rssMb, waiting: waiting.length });
});
