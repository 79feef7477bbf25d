/** Replies on their way out: gathered, and written together. */
import type { Socket } from 'node:net';
import type { Reply } from '../values/reply.js';
import { renderReply } from './render-reply.js';
import { replies } from './replies.js';

/** Replies that a client does not read are held up to here; then its commands wait. */
const unreadOctetsMax = 65_536;

const notAsciiPattern = /[^\u0000-\u007f]/;

/** The replies of the protocol as text, rendered once. */
const rendered = new WeakMap<Reply, string>();
for (const reply of Object.values(replies)) rendered.set(reply, renderReply(reply));

/** Collects text until it is flushed. */
export class SessionOutput {
  #text = '';
  #isAscii = true;

  get isEmpty(): boolean {
    return this.#text === '';
  }

  add(reply: Reply): void {
    const known = rendered.get(reply);
    if (known === undefined) this.addText(renderReply(reply));
    else this.#text += known;
  }

  addText(text: string): void {
    this.#isAscii &&= !notAsciiPattern.test(text);
    this.#text += text;
  }

  /** Writes everything at once; `false` when the client leaves too much unread. */
  flush(socket: Socket): boolean {
    if (this.#text === '') return true;
    const text = this.#text;
    // Octets that are one to a character need no conversion on their way.
    const encoding = this.#isAscii ? 'latin1' : 'utf8';
    this.#text = '';
    this.#isAscii = true;
    return !socket.writable || socket.write(text, encoding) || socket.writableLength < unreadOctetsMax;
  }
}
