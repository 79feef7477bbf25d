/** Message bodies of the store: small ones in LMDB, large ones in files. */
import {
  type Body,
  bodyFromBytes,
  bodyFromFile,
  createSlab,
  type NewMessage,
  prefixedBody,
  readBody,
} from '@postroad/core';
import { decodeBody, encodeBody } from './body-codec.js';
import type { BodyFiles } from './body-files.js';
import type { PreparedBody } from './message-changes.js';
import type { MessageRecord } from './message-codec.js';
import { type Tables, viewOf } from './tables.js';

/** Reads and prepares bodies. */
export class Bodies {
  readonly #tables: Tables;
  readonly #files: BodyFiles;
  readonly #inlineBytesMax: number;
  readonly #slab = createSlab();

  constructor(tables: Tables, files: BodyFiles, inlineBytesMax: number) {
    this.#tables = tables;
    this.#files = files;
    this.#inlineBytesMax = inlineBytesMax;
  }

  /** Makes a body ready to be committed; a large one is a durable file then, unless the store has it already. */
  async prepare({ body }: NewMessage, options: { readonly isNeeded: boolean }): Promise<PreparedBody> {
    const key = keyOf(body);
    const facts = { sizeBytes: body.sizeBytes, headerSizeBytes: body.headerSizeBytes, has8bit: body.has8bit };
    if (body.sizeBytes <= this.#inlineBytesMax) {
      const octets = body.inline ?? (await readBody(body, this.#inlineBytesMax));
      return { key, encoded: encodeBody({ ...facts, file: '', octets }) };
    }
    if (!options.isNeeded && this.#tables.bodies.doesExist(key)) return { key };
    const file = await this.#files.place(body, key);
    return { key, file, encoded: encodeBody({ ...facts, file, octets: body.headerBytes }) };
  }

  /** The key under which a body is stored. */
  key(body: Body): string {
    return keyOf(body);
  }

  /** The whole content of a message; the caller releases it. */
  open(message: MessageRecord): Body | undefined {
    const encoded = viewOf(this.#tables.bodies, message.body);
    if (encoded === undefined) return undefined;
    const record = decodeBody(encoded);
    // Others read from the same buffer in a moment.
    if (record.file === '') return bodyFromBytes(this.#slab.copy(record.octets, message.prefix));
    const body = bodyFromFile({
      file: this.#files.path(record.file),
      sizeBytes: record.sizeBytes,
      headerSizeBytes: record.headerSizeBytes,
      has8bit: record.has8bit,
      headerBytes: Buffer.from(record.octets),
      sha256: message.body,
      isOwned: false,
    });
    return prefixedBody(message.prefix, this.#heldBy(body, record.file));
  }

  /** A body whose file stays until the last owner releases it. */
  #heldBy(body: Body, file: string): Body {
    const files = this.#files;
    let owners = 1;
    files.hold(file);
    const held: Pick<Body, 'retain' | 'release'> = {
      retain() {
        owners++;
      },
      async release() {
        owners--;
        if (owners === 0) files.release(file);
      },
    };
    return Object.assign(Object.create(body) as Body, held);
  }
}

/** The digest of the octets; for a large body put together from parts a key of its own kind, so as not to read it twice. */
function keyOf(body: Body): string {
  if (body.inline !== undefined) return bodyFromBytes(body.inline).sha256;
  return body.file === undefined ? `parts-${body.sha256}` : body.sha256;
}
