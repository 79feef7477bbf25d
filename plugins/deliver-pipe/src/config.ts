/** The options of the plugin. */
import { isAbsolute } from 'node:path';
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** A program and how it is called. */
export interface PipeCommand {
  /** Absolute path; no shell is involved. */
  readonly command: string;
  /** Arguments; `{sender}`, `{recipient}`, `{localPart}`, `{domain}` and `{messageId}` stand for those of the mail. */
  readonly args?: readonly string[] | undefined;
  /** Domains whose mail goes to it. */
  readonly domains?: readonly string[] | undefined;
  readonly timeoutMs?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** What a user may write. */
export interface DeliverPipeOptions {
  /** Programs by name. */
  readonly commands: Readonly<Record<string, PipeCommand>>;
  /** Most programs running at once; default 10. */
  readonly runningMax?: number | undefined;
}

/** A program with its defaults. */
export interface CheckedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly domains: readonly string[];
  readonly timeoutMs: number;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** The options with their defaults. */
export interface DeliverPipeConfig {
  readonly commands: Readonly<Record<string, CheckedCommand>>;
  readonly runningMax: number;
}

const command = z.strictObject({
  command: z.string().refine(isAbsolute, 'not an absolute path'),
  args: z.array(z.string()).default([]),
  domains: z.array(z.string().toLowerCase()).default([]),
  timeoutMs: z.number().int().min(1).max(3_600_000).default(300_000),
  uid: z.number().int().min(0).optional(),
  gid: z.number().int().min(0).optional(),
});

/** The schema. */
export const config: StandardSchema<DeliverPipeOptions, DeliverPipeConfig> = z.strictObject({
  commands: z.record(z.string().min(1), command),
  runningMax: z.number().int().min(1).max(1_000).default(10),
});
