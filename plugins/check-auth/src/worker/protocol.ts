/** What the threads say to each other. Everything is a plain value that can be cloned. */
import type { ArcResult, MessageAuthentication, MethodResult } from '@postroad/core';

/** What is known of a message beside its octets, and how it is to be checked. */
export interface JobFacts {
  /** The name that results are given under. */
  readonly hostname: string;
  readonly remoteAddress: string;
  readonly helloName: string;
  /** The reverse-path; empty for DSNs. */
  readonly sender: string;
  readonly nowMs: number;
  readonly checks: readonly CheckName[];
  readonly limits: CheckLimits;
  /** Domains whose ARC seals count. */
  readonly trustedSealers: readonly string[];
}

/** What can be checked by a worker. */
export type CheckName = 'spf' | 'dkim' | 'dmarc' | 'arc' | 'bimi';

/** Where checking ends. */
export interface CheckLimits {
  /** DKIM signatures that are looked at, from the top. */
  readonly signaturesMax: number;
  /** Shorter RSA keys prove nothing. */
  readonly rsaBitsMin: number;
  readonly spfLookupsMax: number;
  readonly spfVoidLookupsMax: number;
  /** Questions to DNS for one message, all in all. */
  readonly questionsMax: number;
}

/** What a worker finds out. */
export type Checked = Pick<MessageAuthentication, 'spf' | 'dkim' | 'dmarc'> & {
  readonly arc?: CheckedArc;
  readonly bimi?: MethodResult;
};

/** A chain; what the first sealer found out is not parsed yet. */
export type CheckedArc = Omit<ArcResult, 'original'> & { readonly original?: string };

/** Types of DNS records that are asked for. */
export type QuestionType = 'TXT' | 'A' | 'AAAA' | 'MX' | 'PTR';

/** From the server to a worker. */
export type ToWorker =
  | { readonly kind: 'job'; readonly job: number; readonly facts: JobFacts }
  | { readonly kind: 'chunk'; readonly job: number; readonly octets: Uint8Array }
  | { readonly kind: 'end'; readonly job: number }
  /** Nobody waits for it any more. */
  | { readonly kind: 'cancel'; readonly job: number }
  /** Are you there? */
  | { readonly kind: 'call' }
  | { readonly kind: 'answer'; readonly question: number; readonly answer: Answer };

/** Records as `mailauth` wants them, or the code that it knows the failure by. */
export type Answer =
  | { readonly records: readonly unknown[] }
  | { readonly code: 'ENOTFOUND' | 'ETIMEOUT'; readonly text: string };

/** From a worker to the server. */
export type FromWorker =
  /** A chunk has been taken: another one may come. */
  | { readonly kind: 'taken'; readonly job: number }
  | {
      readonly kind: 'question';
      readonly job: number;
      readonly question: number;
      readonly type: QuestionType;
      readonly name: string;
    }
  | { readonly kind: 'done'; readonly job: number; readonly checked: Checked }
  | { readonly kind: 'failed'; readonly job: number; readonly reason: string }
  | { readonly kind: 'here' };
