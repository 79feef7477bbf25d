/** Replies as octets on the wire. */
import { enhancedStatus, type Reply } from '../values/reply.js';

const controlPattern = /[\u0000-\u001f\u007f]+/;

/**
 * The reply with CRLF after each line; every line carries the code and the enhanced status (RFC 2034 section 4). What a
 * plugin has put together by itself, without `reply`, can add no line either.
 */
export function renderReply(of: Reply): string {
  const status = enhancedStatus(of);
  const detail = status === undefined ? '' : `${status} `;
  if (typeof of.text === 'string') return `${of.code} ${detail}${lineOf(of.text)}\r\n`;
  if (of.text.length === 0) return `${of.code} ${detail}\r\n`;
  let lines = '';
  const last = of.text.length - 1;
  for (let index = 0; index <= last; index++) {
    lines += `${of.code}${index === last ? ' ' : '-'}${detail}${lineOf(of.text[index] ?? '')}\r\n`;
  }
  return lines;
}

function lineOf(text: string): string {
  return controlPattern.test(text) ? text.split(controlPattern).join(' ') : text;
}
