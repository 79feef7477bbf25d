/** Replies on their way out: gathered, and written together. */
import type { Socket } from 'node:net';
import type { Reply } from '../values/reply.js';
import { renderReply } from './render-reply.js';
import { replies } from './replies.js';

/** Replies that a client does not read are held up to here; then its commands wait. */
const unreadOctetsMax = 65_536;

/** The replies of the protocol as text, rendered once. */
const rendered = new WeakMap<Reply, string>();
for (const reply of Object.values(replies)) rendered.set(reply, renderReply(reply));

/** Collects text until it is flushed. */
export class SessionOutput {
  #text = '';

  get isEmpty(): boolean {
    return this.#text === '';
  }

  add(reply: Reply): void {
    this.#text += rendered.get(reply) ?? renderReply(reply);
  }

  addText(text: string): void {
    this.#text += text;
  }

  /** Writes everything at once; `false` when the client leaves too much unread. */
  flush(socket: Socket): boolean {
    if (this.#text === '') return true;
    const text = this.#text;
    this.#text = '';
    return !socket.writable || socket.write(text) || socket.writableLength < unreadOctetsMax;
  }
}
