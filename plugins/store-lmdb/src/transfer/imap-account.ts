/** An account on another IMAP server, to be read. The one file of this package that uses imapflow. */
import type { Readable } from 'node:stream';
import { MailError, messageOf, type Spool } from '@postroad/core';
import { type FetchMessageObject, ImapFlow } from 'imapflow';
import type { ArrivingMessage } from './transferred-message.js';

/** Where an account is, and who may read it. */
export interface ImapLocation {
  readonly host: string;
  readonly port: number;
  /** TLS from the first octet; otherwise by STARTTLS, which only a loopback address may do without. */
  readonly isImplicitTls: boolean;
  readonly login: string;
  readonly password: string;
}

/** What is known of a message before it is read. */
export interface ListedMessage {
  readonly uid: number;
  readonly sizeBytes: number;
  readonly internalDateMs: number;
  readonly messageId: string;
  readonly flags: readonly string[];
}

/** Messages read with one command, and up to which size; larger ones are streamed one by one. */
const batchSize = 50;
const smallOctetsMax = 262_144;

/** The account, logged in. Its owner closes it. */
export class ImapAccount {
  readonly #client: ImapFlow;

  private constructor(client: ImapFlow) {
    this.#client = client;
  }

  /** Connects and logs in; throws `E_USAGE` when that is refused. */
  static async open(location: ImapLocation): Promise<ImapAccount> {
    const { host, port, isImplicitTls, login, password } = location;
    const isLoopback = host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
    const client = new ImapFlow({
      host,
      port,
      secure: isImplicitTls,
      ...(isImplicitTls ? {} : { doSTARTTLS: !isLoopback }),
      auth: { user: login, pass: password },
      logger: false,
    });
    // Told again by the command under way.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (cause) {
      throw new MailError('E_USAGE', `${host} could not be read as ${login}: ${messageOf(cause)}`, { cause });
    }
    return new ImapAccount(client);
  }

  /** The mailboxes that hold messages: the name there, and the same with `/` between levels. */
  async mailboxes(): Promise<readonly { readonly path: string; readonly name: string }[]> {
    const listed = await this.#client.list();
    return listed
      .filter(({ flags }) => !flags.has('\\Noselect') && !flags.has('\\NonExistent'))
      .map(({ path, delimiter }) => ({
        path,
        name: path
          .split(delimiter || '/')
          .map((level) => level.replaceAll('/', '_'))
          .join('/'),
      }));
  }

  /** Opens a mailbox for reading, and lists its messages by ascending UID. */
  async list(path: string): Promise<readonly ListedMessage[]> {
    const mailbox = await this.#client.mailboxOpen(path, { readOnly: true });
    if (mailbox.exists === 0) return [];
    const query = { uid: true, size: true, internalDate: true, flags: true, envelope: true } as const;
    const messages: ListedMessage[] = [];
    for await (const message of this.#client.fetch('1:*', query)) messages.push(listed(message));
    return messages.sort((a, b) => a.uid - b.uid);
  }

  /** Reads messages of the open mailbox; those that are gone meanwhile are passed over. */
  async *read(wanted: readonly ListedMessage[], spool: Spool): AsyncGenerator<ArrivingMessage> {
    for (let from = 0; from < wanted.length; from += batchSize) {
      const batch = wanted.slice(from, from + batchSize);
      const small = batch.filter(({ sizeBytes }) => sizeBytes <= smallOctetsMax);
      const sources = await this.#sources(small);
      for (const message of batch) {
        const source =
          sources.get(message.uid) ?? (small.includes(message) ? undefined : await this.#stream(message));
        if (source !== undefined) yield { ...message, body: await spool.store(source) };
      }
    }
  }

  /** Says goodbye; safe after the connection broke. */
  async close(): Promise<void> {
    await this.#client.logout().catch(() => this.#client.close());
  }

  async #sources(messages: readonly ListedMessage[]): Promise<ReadonlyMap<number, Buffer>> {
    const sources = new Map<number, Buffer>();
    if (messages.length === 0) return sources;
    const uids = messages.map(({ uid }) => uid).join(',');
    for await (const { uid, source } of this.#client.fetch(
      uids,
      { uid: true, source: true },
      { uid: true },
    )) {
      if (source !== undefined) sources.set(uid, source);
    }
    return sources;
  }

  async #stream({ uid }: ListedMessage): Promise<Readable | undefined> {
    const { content } = await this.#client.download(String(uid), undefined, { uid: true });
    return content ?? undefined;
  }
}

function listed(message: FetchMessageObject): ListedMessage {
  const { internalDate } = message;
  const date = internalDate instanceof Date ? internalDate : new Date(internalDate ?? 0);
  return {
    uid: message.uid,
    sizeBytes: message.size ?? 0,
    internalDateMs: Number.isNaN(date.getTime()) ? 0 : date.getTime(),
    messageId: message.envelope?.messageId ?? '',
    flags: [...(message.flags ?? [])],
  };
}
