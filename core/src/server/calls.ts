/** Calls between two processes over a wire of messages: each side has handlers, each call is answered once. */
import { type ErrorCode, errorCodes, isMailError, MailError, messageOf } from '../errors.js';

/** What carries messages; those that can't be sent any more are lost. */
export interface Wire {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** Answers calls by name. What it throws reaches the caller with its code and text. */
export type CallHandlers = Readonly<Record<string, (...args: never[]) => unknown>>;

/** One side. */
export interface Calls {
  call(name: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Without an answer. */
  tell(name: string, ...args: readonly unknown[]): void;
  /** The other side is gone: open calls reject with `E_CONTROL`. */
  end(): void;
}

type Message =
  | { readonly call: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly answer: number; readonly result?: unknown; readonly error?: CallError }
  | { readonly tell: string; readonly args: readonly unknown[] };

interface CallError {
  readonly code: string;
  readonly message: string;
}

interface Open {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Most calls without an answer. */
const openMax = 100_000;

/** Begins to answer and to call. */
export function createCalls(wire: Wire, handlers: CallHandlers): Calls {
  const open = new Map<number, Open>();
  let last = 0;
  let isEnded = false;
  const handlerOf = (name: string) =>
    Object.hasOwn(handlers, name) ? (handlers[name] as (...args: unknown[]) => unknown) : undefined;

  async function answer(id: number, name: string, args: readonly unknown[]): Promise<void> {
    try {
      const handler = handlerOf(name);
      if (handler === undefined) throw new MailError('E_CONTROL', `nobody answers ${name}`);
      wire.send({ answer: id, result: await handler(...args) });
    } catch (error) {
      const code = isMailError(error) ? error.code : 'E_CONTROL';
      wire.send({ answer: id, error: { code, message: messageOf(error) } });
    }
  }

  wire.onMessage((raw) => {
    const message = raw as Message;
    if ('call' in message) {
      void answer(message.call, message.name, message.args);
    } else if ('tell' in message) {
      handlerOf(message.tell)?.(...message.args);
    } else if ('answer' in message) {
      const waiting = open.get(message.answer);
      open.delete(message.answer);
      if (message.error === undefined) waiting?.resolve(message.result);
      else waiting?.reject(errorOf(message.error));
    }
  });
  return {
    call: (name, ...args) =>
      new Promise((resolve, reject) => {
        if (isEnded || open.size >= openMax) {
          reject(new MailError('E_CONTROL', 'the other process can not be reached'));
          return;
        }
        const id = ++last;
        open.set(id, { resolve, reject });
        wire.send({ call: id, name, args });
      }),
    tell: (name, ...args) => wire.send({ tell: name, args }),
    end() {
      isEnded = true;
      for (const one of open.values()) one.reject(new MailError('E_CONTROL', 'the other process is gone'));
      open.clear();
    },
  };
}

function errorOf({ code, message }: CallError): MailError {
  return new MailError(code in errorCodes ? (code as ErrorCode) : 'E_CONTROL', message);
}
