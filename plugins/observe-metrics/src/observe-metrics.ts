/** The plugin: a small HTTP port with `/metrics` and `/health`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  Clock,
  definePlugin,
  Listeners,
  type Logger,
  Metrics,
  Queue,
  type StandardSchema,
  type Timer,
  Worker,
} from '@postroad/core';
import { z } from 'zod';
import { createQueueGauges, type QueueGauges } from './queue-gauges.js';
import { createMetricsPage, type MetricsPage } from './render-metrics.js';

/** What a user may write. */
export interface ObserveMetricsOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

interface Settings {
  readonly host: string;
  readonly port: number;
}

const portDefault = 9154;
/** Readers are few; more connections than these are a mistake. */
const connectionsMax = 32;
const requestMsMax = 10_000;
/** As often as workers tell one another what they have counted. */
const countEveryMs = 1_000;
const plainText = 'text/plain; charset=utf-8';

const config: StandardSchema<ObserveMetricsOptions | undefined, Settings> = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('The address to bind; nobody is asked who they are.'),
    port: z.int().min(0).max(65_535).default(portDefault).describe('0 lets the system choose.'),
  })
  .prefault({});

/** Publishes the metrics of the server. */
export const observeMetrics = definePlugin({
  name: 'observe-metrics',
  description: 'Metrics of the running server for Prometheus.',
  config,
  needs: { clock: Clock, listeners: Listeners, metrics: Metrics, queue: Queue, worker: Worker },
  setup({ config, services, log, onStart, defer }) {
    onStart(async () => {
      const { clock, metrics, queue, worker } = services;
      const part = worker.count > 1 ? createQueueGauges(metrics, queue) : undefined;
      const page = createMetricsPage(metrics, queue, part);
      defer(() => page.close());
      if (part !== undefined) defer(countRegularly(part, clock, log));
      const server = createServer((request, response) => void answer(page, log, request, response));
      server.requestTimeout = requestMsMax;
      server.headersTimeout = requestMsMax;
      await services.listeners.listen({
        ...config,
        name: 'metrics',
        protocol: 'http',
        role: 'internal',
        tls: 'none',
        connectionsMax,
        serve: ({ socket }, signal) => serve(server, socket, signal),
      });
    });
  },
});

/** Counts as long as it is not stopped: the others tell of this part what was counted last. */
function countRegularly(part: QueueGauges, clock: Clock, log: Logger): () => void {
  let timer: Timer | undefined;
  let isStopped = false;
  const count = async (): Promise<void> => {
    await part.count().catch((error: unknown) => log.warn('the queue could not be counted', { error }));
    if (!isStopped) timer = clock.after(countEveryMs, () => void count());
  };
  // The queue runs when everything has started.
  timer = clock.after(countEveryMs, () => void count());
  return () => {
    isStopped = true;
    timer?.cancel();
  };
}

/** One connection, until it is closed; a drain closes it after the answer that is under way. */
function serve(
  server: Server,
  socket: NodeJS.Socket & { destroySoon?(): void },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const leave = () => socket.destroySoon?.();
    signal.addEventListener('abort', leave, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', leave);
      resolve();
    });
    server.emit('connection', socket);
  });
}

async function answer(
  page: MetricsPage,
  log: Logger,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '').split('?')[0];
  response.setHeader('Cache-Control', 'no-store');
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'only GET\n');
  if (path === '/health') return say(response, 200, 'well\n');
  if (path !== '/metrics') return say(response, 404, 'there are /metrics and /health\n');
  try {
    say(response, 200, await page.render(), page.contentType);
  } catch (error) {
    log.error('metrics could not be read', { error });
    say(response, 503, 'the metrics can not be read now\n');
  }
}

function say(response: ServerResponse, status: number, text: string, contentType = plainText): void {
  response.writeHead(status, { 'Content-Type': contentType });
  response.end(text);
}
