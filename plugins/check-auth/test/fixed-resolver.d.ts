import { type Resolver } from '@postroad/core';
import type { MailauthResolver } from '../src/worker/mailauth.js';
/** An error with a code, as node:dns throws them. */
export declare function dnsError(code: string): Error;
/** TXT records by name; everything else does not exist. */
export declare function textResolver(texts: Readonly<Record<string, string>>): MailauthResolver;
/** What a name has; `'down'` for one that does not answer. */
export interface FixedNames {
  readonly txt?: Readonly<Record<string, readonly string[] | 'down'>>;
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly names?: Readonly<Record<string, readonly string[]>>;
}
/** A resolver of the core over fixed names, with the questions it heard. */
export declare function fixedResolver(known: FixedNames): Resolver & {
  readonly asked: string[];
};
