/** The DKIM keys of a domain, for whoever tells what to publish. */
import { token } from '../di/token.js';

/** The record of a key. */
export interface DkimKeyRecord {
  readonly name: string;
  readonly text: string;
  /** Such as `waiting` for its record, `signing`, or `retired`; a removed key has none. */
  readonly state: string;
}

/** Provided by a plugin that signs. */
export interface DkimKeys {
  /** The records that must be published for a domain now. */
  records(domain: string): readonly DkimKeyRecord[];
}

/** The token of the DKIM keys. */
export const DkimKeys = token<DkimKeys>('core.dkim-keys');
