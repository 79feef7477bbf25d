/** What a filter answers at a stage, and what that is as a verdict. */
import { defer, disconnect, type Grounds, type Reply, reject, reply, type Verdict } from '@postroad/core';
import { type Packet, textsOf, wrong } from './wire.js';

/** An answer that ends a stage. */
export type StageAnswer =
  | { readonly kind: 'continue' | 'accept' | 'discard' | 'skip' }
  | { readonly kind: 'refuse'; readonly reply: Reply };

const proceed: StageAnswer = { kind: 'continue' };
/** What Sendmail says for a filter that names no reply. */
const rejected = reply(550, '7.1', 'command rejected');
const deferred = reply(451, '7.1', 'try again later');
const closing = reply(421, '7.0', 'closing connection');

/** Reads an answer that ends a stage; throws for what is none. */
export function readAnswer(packet: Packet): StageAnswer {
  switch (packet.letter) {
    case 'c':
      return proceed;
    case 'a':
      return { kind: 'accept' };
    case 'd':
      return { kind: 'discard' };
    case 's':
      return { kind: 'skip' };
    case 'r':
      return { kind: 'refuse', reply: rejected };
    case 't':
    case 'f':
      return { kind: 'refuse', reply: deferred };
    case '4':
      return { kind: 'refuse', reply: closing };
    case 'y':
      return { kind: 'refuse', reply: readReply(textsOf(packet.data, 1)[0] ?? '') };
    default:
      throw wrong(`the answer ${JSON.stringify(packet.letter)}`);
  }
}

/** A reply of one or several lines, each with its code and perhaps an enhanced status. */
function readReply(text: string): Reply {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const [first] = lines;
  const code = Number(/^[45]\d\d(?=[ -]|$)/.exec(first ?? '')?.[0]);
  if (Number.isNaN(code) || lines.length > 50) throw wrong('a reply that is none');
  const status = new RegExp(`^${String(code)[0]}\\.(\\d{1,3}\\.\\d{1,3})(?: |$)`);
  const texts = lines.map((line) => line.slice(4).replaceAll('%%', '%'));
  const detail = status.exec(texts[0] ?? '')?.[1];
  const words = texts.map((line) => line.replace(status, ''));
  return reply(code, detail ?? '7.1', words.length === 1 ? (words[0] ?? '') : words);
}

/** A refusal as a verdict: 421 closes the connection (RFC 5321 section 3.8). */
export function verdictOf({ code, detail = '7.1', text }: Reply, milter: string): Verdict {
  const grounds: Grounds = { rule: milter, reason: `answered ${code}` };
  if (code === 421) return disconnect(421, detail, text, grounds);
  return code >= 500 ? reject(code, detail, text, grounds) : defer(code, detail, text, grounds);
}
