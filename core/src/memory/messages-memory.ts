/** The messages of `store-memory`, each kept once however many mailboxes show it. */
import type { Body } from '../body/body.js';
import { prefixedBody } from '../body/prefixed-body.js';
import type { ParsedMessage } from '../mime/parse-structure.js';
import type { NewMessage, StoredMessage } from '../services/mailbox-store.js';

/** A message with the number of entries that show it. */
export interface KeptMessage {
  readonly stored: StoredMessage;
  readonly body: Body;
  readonly prefix: Buffer;
  entries: number;
}

/** Messages by id. A message lives as long as an entry shows it; its body is retained meanwhile. */
export class MessagesMemory {
  readonly #messages = new Map<string, KeptMessage>();

  /** Makes a message that no entry shows yet; `add` keeps it. */
  make(messageId: string, message: NewMessage, { envelope, structure }: ParsedMessage): KeptMessage {
    const prefix = Buffer.from(message.prefix);
    const sizeBytes = prefix.length + message.body.sizeBytes;
    const stored = { messageId, sizeBytes, headerSizeBytes: structure.bodyStart, envelope, structure };
    return { stored, body: message.body, prefix, entries: 0 };
  }

  /** Keeps a message if an entry shows it. */
  add(kept: KeptMessage): void {
    if (kept.entries === 0) return;
    kept.body.retain();
    this.#messages.set(kept.stored.messageId, kept);
  }

  /** One more entry shows it. */
  hold(messageId: string): void {
    const kept = this.#messages.get(messageId);
    if (kept !== undefined) kept.entries++;
  }

  /** One entry less shows it; the last one removes it. */
  letGo(messageId: string): void {
    const kept = this.#messages.get(messageId);
    if (kept === undefined || --kept.entries > 0) return;
    this.#messages.delete(messageId);
    void kept.body.release();
  }

  stored(messageId: string): StoredMessage | undefined {
    return this.#messages.get(messageId)?.stored;
  }

  /** The whole content; the caller releases it. */
  open(messageId: string): Body | undefined {
    const kept = this.#messages.get(messageId);
    if (kept === undefined) return undefined;
    kept.body.retain();
    return prefixedBody(kept.prefix, kept.body);
  }

  async close(): Promise<void> {
    for (const kept of this.#messages.values()) await kept.body.release();
    this.#messages.clear();
  }
}
