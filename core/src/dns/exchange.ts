/** One question to one server: UDP first, TCP when the answer does not fit. Rejects with `E_DNS`. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { MailError } from '../errors.js';
import type { Clock } from '../services/clock.js';
import type { Random } from '../services/random.js';
import { type DnsResponse, type DnsType, decodeResponse, encodeQuery } from './wire.js';

/** A server to ask. */
export interface DnsServerAddress {
  readonly address: string;
  readonly port: number;
}

/** What a question needs. */
export interface ExchangeOptions {
  readonly server: DnsServerAddress;
  readonly name: string;
  readonly type: DnsType;
  readonly edns: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

interface Question {
  readonly id: number;
  readonly bytes: Buffer;
}

/** Asks. The answer is for this question and from this server (RFC 5452 section 9), whatever it says. */
export async function exchange(options: ExchangeOptions): Promise<DnsResponse> {
  const id = Buffer.from(options.random.bytes(2)).readUInt16BE();
  const question = { id, bytes: encodeQuery(id, options.name, options.type, options.edns) };
  const response = await askOverUdp(options, question);
  // RFC 7766 section 5: a truncated answer is asked for again over TCP.
  return response.isTruncated ? askOverTcp(options, question) : response;
}

/** A socket of its own for each question: the system chooses an unpredictable port (RFC 5452 section 4.5). */
function askOverUdp(options: ExchangeOptions, question: Question): Promise<DnsResponse> {
  const { server } = options;
  const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
  socket.unref();
  return settleOnce(options, (resolve, fail) => {
    socket.on('error', (cause) => fail('the server can not be reached', cause));
    socket.on('message', (bytes) => {
      const response = decodeResponse(bytes);
      // A forged or late packet is not an answer; the true one may still come.
      if (response !== undefined && isAnswerTo(response, question.id, options)) resolve(response);
    });
    // A connected socket takes packets of this server only, and hears when its port is closed.
    socket.on('connect', () => socket.send(question.bytes));
    socket.connect(server.port, server.address);
    return () => socket.close();
  });
}

function askOverTcp(options: ExchangeOptions, question: Question): Promise<DnsResponse> {
  const { server } = options;
  const socket = connect({ host: server.address, port: server.port });
  socket.unref();
  return settleOnce(options, (resolve, fail) => {
    let received = Buffer.alloc(0);
    socket.on('error', (cause) => fail('the server can not be reached', cause));
    socket.on('close', () => fail('the server has closed the connection'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) return;
      const response = decodeResponse(received.subarray(2, 2 + received.readUInt16BE()));
      if (response !== undefined && isAnswerTo(response, question.id, options)) resolve(response);
      else fail('the server has answered something else');
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.bytes.length);
    socket.write(Buffer.concat([length, question.bytes]));
    return () => socket.destroy();
  });
}

function isAnswerTo(response: DnsResponse, id: number, options: ExchangeOptions): boolean {
  if (!response.isResponse || response.id !== id) return false;
  // A server that did not understand the question may leave it out.
  if (response.question === undefined) return response.rcode !== 'NOERROR' && response.rcode !== 'NXDOMAIN';
  return response.question.name === options.name && response.question.type === options.type;
}

type Ask = (
  resolve: (response: DnsResponse) => void,
  fail: (reason: string, cause?: unknown) => void,
) => () => void;

/** Ends with the first of answer, failure, time-out and abort, and closes what `ask` opened. */
function settleOnce(options: ExchangeOptions, ask: Ask): Promise<DnsResponse> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    let close = () => {};
    const settle = (finish: () => void) => {
      if (isSettled) return;
      isSettled = true;
      timer.cancel();
      options.signal.removeEventListener('abort', onAbort);
      close();
      finish();
    };
    const fail = (reason: string, cause?: unknown) =>
      settle(() => reject(new MailError('E_DNS', `${options.name} ${options.type}: ${reason}`, { cause })));
    const onAbort = () => settle(() => reject(options.signal.reason));
    const timer = options.clock.after(options.timeoutMs, () => fail('no answer in time'));
    options.signal.addEventListener('abort', onAbort, { once: true });
    close = ask((response) => settle(() => resolve(response)), fail);
    if (isSettled) close();
    else if (options.signal.aborted) onAbort();
  });
}
