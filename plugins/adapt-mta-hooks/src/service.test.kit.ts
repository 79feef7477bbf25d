/** A service that answers as a test says, and a message sent past it. */
import { createServer, type IncomingMessage } from 'node:http';
import { accept, definePlugin, formatAddress, formatReversePath, readBody } from '@postroad/core';
import { sendMessage, startTestMta } from '@postroad/core/testing';
import { expect, onTestFinished } from 'vitest';
import { adaptMtaHooks } from './adapt-mta-hooks.js';
import { decodeCbor, encodeCbor, type Plain } from './cbor.js';
import type { HookServiceOptions } from './config.js';

const closing: (() => Promise<void>)[] = [];

/** Closes it when the test is over. */
function closeInTheEnd(close: (typeof closing)[number]): void {
  if (closing.length === 0) onTestFinished(closeAll);
  closing.push(close);
}

async function closeAll(): Promise<void> {
  for (const close of closing.splice(0)) await close();
}

type Asked = { readonly [key: string]: unknown } & { readonly stage: string };

interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly document: Asked | undefined;
}

/** A service. */
export interface Service {
  readonly url: string;
  readonly heard: Heard[];
  /** The documents of hooks. */
  readonly asked: () => readonly Asked[];
}

interface Script {
  readonly serialization?: readonly string[];
  readonly properties?: readonly string[];
  /** The status, or the document to answer with; nothing is 204. */
  hook?(document: Asked, count: number): Plain | undefined | { readonly status: number };
  readonly registration?: object;
}

const stages = {
  inbound: ['connect', 'ehlo', 'mail', 'rcpt', 'data'],
  outbound: ['delivery', 'defer', 'dsn'],
};

/** Starts the service; it ends with the test. */
export async function serve(script: Script = {}): Promise<Service> {
  const heard: Heard[] = [];
  const discovery = {
    version: '1.0',
    endpoints: { registration: '/register', deregistration: '/register/{registration_id}' },
    serialization: script.serialization ?? ['json'],
    capabilities: {
      inbound: { stages: stages.inbound, ...(script.properties && { fetchProperties: script.properties }) },
      outbound: { stages: stages.outbound },
    },
  };
  let count = 0;
  const web = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const isCbor = request.headers['content-type'] === 'application/cbor';
    const document =
      body.length === 0 ? undefined : ((isCbor ? decodeCbor(body) : JSON.parse(body.toString())) as Asked);
    heard.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, document });
    const answer = (status: number, value: Plain) => {
      response.writeHead(status, { 'content-type': isCbor ? 'application/cbor' : 'application/json' });
      response.end(isCbor ? encodeCbor(value) : JSON.stringify(value));
    };
    if (request.method === 'GET') return answer(200, discovery as Plain);
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    if (request.url === '/register') {
      const { inbound, outbound } = document as { inbound?: Plain; outbound?: Plain };
      const made = {
        registrationId: 'reg-1',
        hookEndpoint: '/hook',
        endpoints: { deregistration: '/register/reg-1' },
        negotiated: { inbound: inbound ?? null, outbound: outbound ?? null },
        ...script.registration,
      };
      return answer(201, made as Plain);
    }
    const said = script.hook?.(document as Asked, count++);
    if (said === undefined) return void response.writeHead(204).end();
    const { status } = said as { status?: number };
    if (typeof status === 'number') return void response.writeHead(status).end();
    answer(200, said as Plain);
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  closeInTheEnd(async () => {
    web.closeAllConnections();
    await new Promise<void>((resolve) => web.close(() => resolve()));
  });
  const asked = () => heard.filter(({ path }) => path === '/hook').map(({ document }) => document as Asked);
  return { url: `http://127.0.0.1:${(web.address() as { port: number }).port}`, heard, asked };
}

/** What is sent. */
export const content = 'Subject: hello\r\nX-Old: 1\r\nX-Folded: a\r\n\tb\r\n\r\nthe body\r\n';

/** Sends one message to a server that asks these services. */
export async function send(services: readonly HookServiceOptions[], to = ['bob@example.org']) {
  let queued:
    | { text: string; sender: string; recipients: string[]; quarantine: string | undefined }
    | undefined;
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('enqueued', async (message, recipients) => {
        queued = {
          text: (await readBody(message.body, 1_000_000)).toString(),
          sender: formatReversePath(message.reversePath),
          recipients: recipients.map(({ address }) => formatAddress(address)),
          quarantine: message.quarantine,
        };
      });
    },
  });
  const server = await startTestMta({ plugins: [adaptMtaHooks({ services }), watch()] });
  const answers = await sendMessage({ port: server.port('relay'), to, content });
  const isDone = () =>
    queued !== undefined || server.logged.some(({ event }) => event === 'message discarded');
  if (answers.outcome.startsWith('250')) await expect.poll(isDone).toBe(true);
  await server.stop();
  return { ...answers, queued };
}
