/** What is known of a message's content when rules are asked. */
import type { HeaderSection, MimePart } from '@postroad/core';

/** A file that comes with a message, on its own or inside archives. */
export interface Attachment {
  /** As its sender named it; empty when it has no name. */
  readonly name: string;
  /** The archives that it is in, the outermost first; empty for those that are not in one. */
  readonly inside: readonly string[];
  /** The media type that the message claims; absent inside archives. */
  readonly claimedType?: string;
  /** The media type that its first octets tell; absent when they tell none, or can't be read. */
  readonly realType?: string;
  /** Octets, decoded; inside archives what the archive claims. */
  readonly sizeBytes: number;
}

/** Why an archive could not be looked into, wholly or in part. */
export type ArchiveProblem = 'encrypted' | 'broken' | 'tooDeep' | 'tooBig' | 'tooMany' | 'opaque';

/** What rules are asked with. */
export interface ContentFacts {
  readonly header: HeaderSection;
  readonly structure: MimePart;
  /** All entities, the message itself first. */
  readonly parts: readonly MimePart[];
  /** How many entities are inside each other at the deepest place; 1 for a message without parts. */
  readonly depth: number;
  readonly sizeBytes: number;
  readonly attachments: readonly Attachment[];
  readonly archives: readonly { readonly name: string; readonly problem: ArchiveProblem }[];
  readonly receivedAtMs: number;
}
