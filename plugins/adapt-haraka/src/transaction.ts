/** `connection.transaction` as plugins know it. */
import type { Body, BodyWriter, Spool, Transaction } from '@postroad/core';
import { formatAddress, formatReversePath } from '@postroad/core';
import type { HarakaConnection } from './connection.js';
import type {
  HarakaAddress,
  HarakaBody,
  HarakaHeader,
  HarakaNotes,
  HarakaPackages,
} from './haraka-packages.js';
import { linesOf, MessageStream } from './message-stream.js';

type BodyFilter = (type: string, encoding: string, octets: Buffer) => unknown;

/** A transaction of Haraka's, with the same names. */
export class HarakaTransaction {
  readonly uuid: string;
  mail_from: HarakaAddress;
  rcpt_to: HarakaAddress[] = [];
  readonly notes: HarakaNotes;
  readonly results: unknown;
  readonly header: HarakaHeader;
  body: HarakaBody | null = null;
  parse_body = false;
  banner: readonly [string, string] | null = null;
  readonly body_filters: { readonly ct_match: unknown; readonly filter: BodyFilter }[] = [];
  readonly attachment_start_hooks: ((...args: unknown[]) => void)[] = [];
  readonly message_stream: MessageStream;
  header_lines: string[] = [];
  data_lines: string[] = [];
  data_bytes = 0;
  mime_part_count = 0;
  discard_data = false;
  encoding = 'utf8';
  msg_status: string | undefined;
  readonly rcpt_count = { accept: 0, tempfail: 0, reject: 0 };
  /** The header list as it was received, to see what was changed. */
  receivedHeaders: readonly string[] = [];
  readonly #packages: HarakaPackages;
  readonly #connection: HarakaConnection;

  constructor(packages: HarakaPackages, connection: HarakaConnection, transaction: Transaction) {
    this.#packages = packages;
    this.#connection = connection;
    this.uuid = `${transaction.id}.${connection.tran_count}`;
    this.mail_from = new packages.Address(`<${formatReversePath(transaction.reversePath)}>`);
    this.notes = new packages.Notes();
    this.notes.skip_plugins = [];
    this.results = new packages.Results(connection);
    this.header = new packages.Header();
    this.message_stream = new MessageStream(() => this.header.header_list);
  }

  add_header(name: string, value: string): void {
    this.header.add_end(name, value);
  }

  add_leading_header(name: string, value: string): void {
    this.header.add(name, value);
  }

  remove_header(name: string): void {
    this.header.remove(name);
  }

  reset_headers(): void {
    // The header list is the only truth here.
  }

  attachment_hooks(start: (...args: unknown[]) => void): void {
    this.parse_body = true;
    this.attachment_start_hooks.push(start);
  }

  set_banner(text: string, html?: string): void {
    this.parse_body = true;
    this.banner = [text, html ?? text.replace(/\n/g, '<br/>\n')];
  }

  add_body_filter(ct_match: unknown, filter: BodyFilter): void {
    this.parse_body = true;
    this.body_filters.push({ ct_match, filter });
  }

  incr_mime_count(): void {
    this.mime_part_count++;
  }

  /** The recipients that have been accepted until now, as addresses of Haraka's. */
  addRecipient(transaction: Transaction['recipients'][number]): HarakaAddress {
    return new this.#packages.Address(`<${formatAddress(transaction.address)}>`);
  }

  /**
   * Shows the message to the plugins: header, and the body's parts when somebody asked for them. Resolves with a body of
   * its own, which the caller owns, when banners or filters have written it anew.
   */
  async read(body: Body, spool: Spool): Promise<Body | undefined> {
    this.data_bytes = body.sizeBytes;
    const lines: string[] = [];
    for await (const line of linesOf(body.open({ start: 0, end: body.headerSizeBytes }))) {
      const text = line.toString('utf8').replace(/\r?\n$/, '\n');
      if (text !== '\n') lines.push(text);
    }
    this.header_lines = lines;
    this.header.parse([...lines]);
    this.receivedHeaders = [...this.header.header_list];
    let made: Body | undefined;
    if (this.parse_body) {
      const isRewriting = this.banner !== null || this.body_filters.length > 0;
      const writer = isRewriting ? spool.writer() : undefined;
      try {
        await this.#parse(body, writer);
      } catch (error) {
        await writer?.abort();
        throw error;
      }
      made = await writer?.finish();
    }
    this.message_stream.attach(made ?? body);
    return made;
  }

  async #parse(body: Body, writer: BodyWriter | undefined): Promise<void> {
    const parser = this.#parser();
    writer?.write(body.headerBytes);
    const write = async (octets: Buffer | string) => {
      if (writer === undefined || octets.length === 0) return;
      const text = Buffer.from(octets).toString('latin1').replace(/\r?\n/g, '\r\n');
      if (!writer.write(Buffer.from(text, 'latin1'))) await writer.drained();
    };
    for await (const line of linesOf(body.open({ start: body.headerSizeBytes, end: body.sizeBytes }))) {
      const isCrLf = line.at(-1) === 0x0a && line.at(-2) === 0x0d;
      await write(
        parser.parse_more(isCrLf ? Buffer.concat([line.subarray(0, -2), Buffer.from('\n')]) : line),
      );
      await this.#connection.whenResumed();
    }
    await write(parser.parse_end());
    parser.force_end();
  }

  #parser(): HarakaBody {
    const parser = new this.#packages.Body(this.header);
    this.body = parser;
    parser.on('mime_boundary', () => this.incr_mime_count());
    for (const hook of this.attachment_start_hooks) parser.on('attachment_start', hook);
    if (this.banner !== null) parser.set_banner(this.banner);
    for (const { ct_match, filter } of this.body_filters) {
      parser.add_filter((type, encoding, octets) => {
        if (!isOfType(type, ct_match)) return octets;
        return filter(type, encoding, octets) ?? octets;
      });
    }
    return parser;
  }
}

function isOfType(type: string, match: unknown): boolean {
  const lower = String(type ?? '')
    .toLowerCase()
    .trim();
  if (lower === '') return false;
  return match instanceof RegExp ? match.test(lower) : lower.startsWith(String(match).toLowerCase());
}
