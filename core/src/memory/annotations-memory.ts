/** The annotations of `store-memory`. */
import { changedAnnotations, splitAnnotations } from '../mailbox/annotations.js';
import type { AnnotationPlace } from '../services/mailbox-store.js';

type Values = ReadonlyMap<string, Uint8Array>;

const none: Values = new Map();

/** Annotations by place: of a mailbox or of accounts, for everybody or for one account. */
export class AnnotationsMemory {
  /** By mailbox, `''` for accounts; then by account, `''` for everybody. */
  readonly #places = new Map<string, Map<string, Values>>();

  get({ accountId, mailboxId = '' }: AnnotationPlace): Values {
    const place = this.#places.get(mailboxId);
    return new Map([...(place?.get('') ?? none), ...(place?.get(accountId) ?? none)]);
  }

  /** Throws before it changes anything. */
  set({ accountId, mailboxId = '' }: AnnotationPlace, values: ReadonlyMap<string, Uint8Array | null>): void {
    const place = this.#places.get(mailboxId) ?? new Map<string, Values>();
    const [shared, own] = splitAnnotations(values);
    const changedShared = changedAnnotations(place.get('') ?? none, shared);
    const changedOwn = changedAnnotations(place.get(accountId) ?? none, own);
    place.set('', changedShared).set(accountId, changedOwn);
    this.#places.set(mailboxId, place);
  }

  /** Forgets those of a mailbox. */
  drop(mailboxId: string): void {
    this.#places.delete(mailboxId);
  }
}
