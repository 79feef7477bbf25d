/** A wire between us and a service that fails as a test wants it: by request, in both directions. */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { systemClock } from '@postroad/core';

/** What becomes of a request. */
export type WireFault =
  /** It goes through. */
  | 'pass'
  /** It goes through, a second later. */
  | 'slow'
  /** The service is busy: 503, and nothing was done. */
  | 'busy'
  /** The service says 429: too many requests, and nothing was done. */
  | 'throttled'
  /** It says 200, and in its text that it failed; nothing was done. */
  | 'broken'
  /** It takes no notice of a range, and answers whole. */
  | 'whole'
  /** The connection breaks before the service hears of it. */
  | 'cut'
  /** The service does it, and its answer gets lost. */
  | 'lose'
  /** Nothing is ever heard. */
  | 'silence';

const slowMs = 1_000;
/** What is answered without asking the service. */
const refusals: Readonly<Partial<Record<WireFault, number>>> = { busy: 503, throttled: 429, broken: 200 };

/** The wire. */
export interface FaultWire {
  readonly port: number;
  /** Asked of every request; `pass` until it is set. */
  decide(rule: (method: string, url: string) => WireFault): void;
  /** Requests so far, as `PUT /bodies/...`. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** Opens a wire to a port of this machine. */
export async function openFaultWire(target: number): Promise<FaultWire> {
  let rule: (method: string, url: string) => WireFault = () => 'pass';
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming;
    requests.push(`${method} ${url}`);
    const fault = rule(method, url);
    if (fault !== 'slow') return carry(target, incoming, outgoing, fault);
    systemClock.after(slowMs, () => carry(target, incoming, outgoing, 'pass'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    decide(next) {
      rule = next;
    },
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function carry(target: number, incoming: IncomingMessage, outgoing: ServerResponse, fault: WireFault): void {
  incoming.on('error', () => outgoing.destroy());
  if (fault === 'silence') {
    incoming.resume();
    return;
  }
  if (fault === 'cut') {
    incoming.socket.destroy();
    return;
  }
  const status = refusals[fault];
  if (status !== undefined) {
    incoming.resume();
    incoming.on('end', () => outgoing.writeHead(status).end('<Error><Code>SlowDown</Code></Error>'));
    return;
  }
  const { method, url } = incoming;
  const { range, ...others } = incoming.headers;
  const headers = fault === 'whole' || range === undefined ? others : { ...others, range };
  const onward = send({ host: '127.0.0.1', port: target, method, path: url, headers, agent: false });
  onward.on('error', () => outgoing.writableEnded || incoming.socket.destroy());
  onward.on('response', (answer) => {
    if (fault === 'lose') {
      answer.resume();
      answer.on('end', () => incoming.socket.destroy());
      return;
    }
    // How this connection goes on is the wire's own affair.
    const { connection: _connection, 'transfer-encoding': _coding, ...kept } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 502, kept);
    // Nothing follows the head; Swift sends something all the same.
    if (method === 'HEAD') outgoing.end();
    else answer.pipe(outgoing);
  });
  incoming.pipe(onward);
}
