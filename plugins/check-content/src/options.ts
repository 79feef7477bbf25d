/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';
import type { ContentRule, RuleAction } from './rule.js';

export type { RuleAction } from './rule.js';

/** What a user may write. */
export interface CheckContentOptions {
  /** Fields that a message must have; default `from` and `date`. */
  readonly requiredFields?: readonly string[] | undefined;
  /** A required field is missing; default 2 points. */
  readonly missingField?: RuleAction | undefined;
  /** A field that may stand once stands more often; default 2 points. */
  readonly repeatedField?: RuleAction | undefined;
  /** The date can't be read, or is too far from now; default 1 point. */
  readonly badDate?: RuleAction | undefined;
  /** How far ahead a date may be; default 1 day. */
  readonly dateAheadMs?: number | undefined;
  /** How far back; default 30 days. */
  readonly dateBehindMs?: number | undefined;
  /** An attachment's name ends in one of `bannedEndings`, also inside archives; default `reject`. */
  readonly bannedName?: RuleAction | undefined;
  /** Without their dot; by default what Windows runs when it is opened. */
  readonly bannedEndings?: readonly string[] | undefined;
  /** An attachment really is of one of `bannedTypes`, whatever it is called; default `reject`. */
  readonly bannedType?: RuleAction | undefined;
  /** Media types as the first octets tell; by default programs. */
  readonly bannedTypes?: readonly string[] | undefined;
  /** An attachment is not what its name says; default 3 points. */
  readonly disguised?: RuleAction | undefined;
  /** A document has macros; default 2 points. */
  readonly macros?: RuleAction | undefined;
  /** An archive is encrypted, so that nobody can look into it; default 2 points. */
  readonly encryptedArchive?: RuleAction | undefined;
  /** An archive can't be read; default 2 points. */
  readonly brokenArchive?: RuleAction | undefined;
  /** An archive of a kind that is not looked into (rar, 7z, gzip ...); default 0. */
  readonly opaqueArchive?: RuleAction | undefined;
  /** Archives inside each other, too much in them, or too large unpacked: a bomb; default `reject`. */
  readonly bomb?: RuleAction | undefined;
  /** Archives inside each other that are looked into; default 3. */
  readonly archiveDepthMax?: number | undefined;
  /** Files in all archives of a message; default 2,000. */
  readonly archiveEntriesMax?: number | undefined;
  /** Octets that are unpacked for one message; default 64 MiB. */
  readonly unpackedBytesMax?: number | undefined;
  /** Too many parts, too deep, or an attachment too large; default `reject`. */
  readonly tooMuch?: RuleAction | undefined;
  /** Entities of a message; default 500. */
  readonly partsMax?: number | undefined;
  /** Entities inside each other; default 30. */
  readonly depthMax?: number | undefined;
  /** Octets of one attachment, decoded; no limit by default. */
  readonly attachmentBytesMax?: number | undefined;
  /** Rules of one's own, as functions. */
  readonly rules?: readonly ContentRule[] | undefined;
  /** Whose messages are looked at; default `strangers`. */
  readonly who?: 'strangers' | 'all' | undefined;
  /** When a message can't be looked at: `defer` (the default) or `skip` it. */
  readonly onError?: 'defer' | 'skip' | undefined;
}

const action = z.union([z.literal(['reject', 'defer', 'quarantine', 'off']), z.number()]);
const day = 86_400_000;

const endings =
  'exe scr pif com bat cmd cpl msi msp mst vbs vbe js jse wsf wsh wsc hta lnk scf url reg inf jar ps1 psc1 chm ' +
  'dll sys ocx gadget application appref-ms library-ms iso img vhd vhdx';

const schema = z.strictObject({
  requiredFields: z.array(z.string().toLowerCase()).default(['from', 'date']),
  missingField: action.default(2),
  repeatedField: action.default(2),
  badDate: action.default(1),
  dateAheadMs: z.number().int().min(0).default(day),
  dateBehindMs: z
    .number()
    .int()
    .min(0)
    .default(30 * day),
  bannedName: action.default('reject'),
  bannedEndings: z.array(z.string().toLowerCase()).default(endings.split(' ')),
  bannedType: action.default('reject'),
  bannedTypes: z
    .array(z.string())
    .default([
      'application/x-dosexec',
      'application/x-elf',
      'application/x-mach-binary',
      'application/java-vm',
      'application/x-ms-shortcut',
    ]),
  disguised: action.default(3),
  macros: action.default(2),
  encryptedArchive: action.default(2),
  brokenArchive: action.default(2),
  opaqueArchive: action.default(0),
  bomb: action.default('reject'),
  archiveDepthMax: z.number().int().min(0).max(10).default(3),
  archiveEntriesMax: z.number().int().min(1).max(65_535).default(2_000),
  unpackedBytesMax: z.number().int().min(1).default(67_108_864),
  tooMuch: action.default('reject'),
  partsMax: z.number().int().min(1).max(1_000).default(500),
  depthMax: z.number().int().min(1).max(100).default(30),
  attachmentBytesMax: z.number().int().min(1).optional(),
  rules: z
    .array(
      z.custom<ContentRule>(
        (value) => typeof (value as ContentRule | null)?.check === 'function',
        'is no rule',
      ),
    )
    .default([]),
  who: z.literal(['strangers', 'all']).default('strangers'),
  onError: z.literal(['defer', 'skip']).default('defer'),
});

/** The options with their defaults. */
export type CheckContentConfig = z.output<typeof schema>;

/** The schema. */
export const config: StandardSchema<CheckContentOptions, CheckContentConfig> = schema;
