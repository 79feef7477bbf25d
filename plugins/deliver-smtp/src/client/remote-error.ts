/** What goes wrong with another server, as an error that says what to tell the queue. */
import { type Reply, reply } from '@postroad/core';

/** Where in a session it went wrong. */
export type SessionStep = 'connect' | 'greeting' | 'hello' | 'tls' | 'login' | 'envelope' | 'data' | 'final';

/** Never leaves this plugin: it ends as the outcome of recipients. */
export class RemoteError extends Error {
  readonly step: SessionStep;
  /** What recipients that are still open get. */
  readonly reply: Reply;
  /** Whether the reply is the other server's own words. */
  readonly isQuoted: boolean;
  /** What went wrong with TLS, in the words of RFC 8460 section 4.3. */
  readonly tlsFailure: string | undefined;

  constructor(
    step: SessionStep,
    said: Reply,
    options: { readonly isQuoted?: boolean; readonly cause?: unknown; readonly tlsFailure?: string } = {},
  ) {
    const text = typeof said.text === 'string' ? said.text : said.text.join(' ');
    super(`${step}: ${text}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RemoteError';
    this.step = step;
    this.reply = said;
    this.isQuoted = options.isQuoted === true;
    this.tlsFailure = options.tlsFailure ?? (step === 'tls' ? 'validation-failure' : undefined);
  }
}

/** The connection could not be made or was lost (RFC 3463 section 3.5). */
export function connectionLost(step: SessionStep, text: string, cause?: unknown): RemoteError {
  return new RemoteError(step, reply(451, step === 'connect' ? '4.1' : '4.2', text), { cause });
}

/** The other server did not speak SMTP as RFC 5321 has it. */
export function protocolBroken(step: SessionStep, text: string): RemoteError {
  return new RemoteError(step, reply(451, '5.0', text));
}
