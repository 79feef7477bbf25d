/**
 * The one importer of mailauth, with the types that its inner modules lack. They are imported one by one: the whole
 * package takes an HTTP client along, which only a look at BIMI certificates needs.
 */
import { createRequire } from 'node:module';
import type { Writable } from 'node:stream';
import type { QuestionType } from './protocol.js';

const require = createRequire(import.meta.url);

/** Records of a name; throws an error with the codes of node:dns. */
export type MailauthResolver = (name: string, type: QuestionType) => Promise<readonly unknown[]>;

/** A header section as mailauth splits it. */
export interface MailauthHeaders {
  readonly parsed: readonly { readonly key: string | null; readonly line: Buffer }[];
}

/** A signature on its way through the verifier. */
export interface SignatureHeader {
  readonly type: 'DKIM' | 'ARC' | 'AS';
  readonly original: Buffer | string;
  readonly skip?: boolean;
  readonly bodyHashKey?: string;
}

/** What became of a signature. */
export interface SignatureResult {
  readonly signingDomain?: string;
  readonly selector?: string;
  readonly signature?: string;
  readonly algo?: string;
  readonly rr?: string;
  readonly status: {
    readonly result: string;
    readonly comment?: string;
    readonly underSized?: number;
    readonly policy?: Readonly<Record<string, string>>;
  };
}

/** A link of an ARC chain. */
export interface ArcLink {
  readonly i: number;
  readonly [field: string]: unknown;
}

/** What the verifier leaves for `arc`. */
export interface ArcData {
  readonly chain: readonly ArcLink[] | false;
  readonly lastEntry?: unknown;
  readonly error?: unknown;
}

/** Takes a message and verifies its signatures. */
export interface Verifier extends Writable {
  headers: MailauthHeaders | false;
  signatureHeaders: SignatureHeader[];
  readonly bodyHashes: Map<string, unknown>;
  readonly headerFrom: readonly string[];
  readonly results: readonly SignatureResult[];
  readonly arc: ArcData;
  messageHeaders(headers: MailauthHeaders): Promise<void>;
}

/** `mailauth/lib/dkim/dkim-verifier`. */
export const { DkimVerifier } = require('mailauth/lib/dkim/dkim-verifier') as {
  DkimVerifier: new (options: {
    readonly resolver: MailauthResolver;
    readonly minBitLength: number;
    readonly curTime: number;
    readonly sender: string;
  }) => Verifier;
};

/** `mailauth/lib/arc`. */
export const { arc } = require('mailauth/lib/arc') as {
  arc(
    data: ArcData,
    options: { readonly resolver: MailauthResolver; readonly minBitLength: number },
  ): Promise<{ readonly status: { result: string; comment?: string } }>;
};

/** What the look-up of BIMI wants to know of DMARC, and says. */
export interface BimiStatus {
  readonly status: {
    readonly result: string;
    readonly comment?: string;
    readonly header?: Readonly<Record<string, string>>;
  };
  readonly location?: string;
}

/** `mailauth/lib/bimi`, loaded when it is first asked for. */
export function loadBimi(): (data: {
  readonly dmarc: unknown;
  readonly headers: MailauthHeaders | false;
  readonly resolver: MailauthResolver;
}) => Promise<BimiStatus | false> {
  return (require('mailauth/lib/bimi') as { bimi: ReturnType<typeof loadBimi> }).bimi;
}
