/** What all accounts of the store work with. */
import type { ChangeNotices, Clock, Random } from '@postroad/core';
import type { Contents } from './content.js';
import type { Places } from './places.js';

/** The environment. */
export interface MaildirEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** The last part of file names. */
  readonly hostname: string;
  readonly changeLogMax: number;
  readonly contents: Contents;
  readonly places: Places;
  readonly notices: ChangeNotices;
  /** Gets what failed in the background. */
  readonly onError: (what: string, error: unknown) => void;
}
