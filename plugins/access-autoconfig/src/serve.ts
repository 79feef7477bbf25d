/** A small web server over the ports that `Listeners` opens. It reads little, and says little. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Listeners, Logger } from '@postroad/core';
import { answerPage, type PageSource } from './answer.js';
import type { AccessAutoconfigConfig } from './options.js';

/** What is served: our pages, and those that other plugins have to show. */
export interface ServedPages extends PageSource {
  shared(path: string): Promise<string | undefined>;
}

/** More is no question to us. */
const bodyOctetsMax = 65_536;

/** Opens the ports; the generation closes them. */
export async function servePages(
  listeners: Listeners,
  wanted: AccessAutoconfigConfig['listeners'],
  source: ServedPages,
  log: Logger,
): Promise<void> {
  const web = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 5_000, maxHeaderSize: 8_192 },
    (request, response) => {
      respond(request, response, source).catch((error) => {
        log.debug('a request was not answered', { error });
        response.destroy();
      });
    },
  );
  for (const { host, port, tls } of wanted) {
    await listeners.listen({
      ...(host === undefined ? {} : { host }),
      port,
      name: tls ? 'autoconfig-https' : 'autoconfig-http',
      protocol: 'http',
      role: 'access',
      tls: tls ? 'implicit' : 'none',
      connectionsMax: 200,
      serve: ({ socket }, signal) => {
        signal.addEventListener('abort', () => socket.destroy(), { once: true });
        web.emit('connection', socket);
      },
    });
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  source: ServedPages,
): Promise<void> {
  const { method = 'GET', url = '/', headers } = request;
  const isKnown = method === 'GET' || method === 'HEAD' || method === 'POST';
  const body = isKnown ? await readBody(request) : undefined;
  if (body === undefined) {
    response.writeHead(isKnown ? 413 : 405, { connection: 'close' }).end();
    return;
  }
  const host = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  const shared = await source.shared(url.split('?', 1)[0] ?? url);
  const page =
    shared === undefined
      ? answerPage({ method, host, url, body }, source)
      : { status: 200, type: 'application/octet-stream', content: shared };
  response.writeHead(page.status, {
    'content-type': page.type,
    'content-length': Buffer.byteLength(page.content),
    'x-content-type-options': 'nosniff',
    ...(page.fileName === undefined
      ? {}
      : { 'content-disposition': `attachment; filename="${page.fileName}"` }),
  });
  response.end(method === 'HEAD' ? undefined : page.content);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > bodyOctetsMax) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
