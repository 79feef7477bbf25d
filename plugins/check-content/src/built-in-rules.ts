/** The rules that the options configure, each a function like those of users. */
import type { ArchiveProblem, Attachment, ContentFacts } from './facts.js';
import type { CheckContentConfig } from './options.js';
import { endingOf, isDisguised } from './real-type.js';
import type { ContentRule, RuleAction, RuleHit } from './rule.js';

/** RFC 5322 section 3.6: fields that may stand once. */
const singleFields = [
  'date',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'message-id',
  'in-reply-to',
  'references',
  'subject',
];

/** What each problem of an archive is called as a rule. */
const archiveRules: Readonly<
  Record<ArchiveProblem, 'encryptedArchive' | 'brokenArchive' | 'opaqueArchive' | 'bomb'>
> = {
  encrypted: 'encryptedArchive',
  broken: 'brokenArchive',
  opaque: 'opaqueArchive',
  tooDeep: 'bomb',
  tooBig: 'bomb',
  tooMany: 'bomb',
};

/** All of them but those that are off. */
export function builtInRules(config: CheckContentConfig): readonly ContentRule[] {
  return [
    ...headerRules(config),
    ...attachmentRules(config),
    ...archiveProblemRules(config),
    tooMuch(config),
  ].filter((rule) => config[rule.name as 'badDate'] !== 'off');
}

function headerRules(config: CheckContentConfig): readonly ContentRule[] {
  const { requiredFields, dateAheadMs, dateBehindMs } = config;
  return [
    {
      name: 'missingField',
      description: requiredFields.join(', '),
      check: ({ header }) =>
        hitIf(
          config.missingField,
          requiredFields.filter((name) => header.get(name) === undefined),
        ),
    },
    {
      name: 'repeatedField',
      check: ({ header }) =>
        hitIf(
          config.repeatedField,
          singleFields.filter((name) => header.all(name).length > 1),
        ),
    },
    {
      name: 'badDate',
      description: `${dateAheadMs / 3_600_000} h ahead, ${dateBehindMs / 3_600_000} h behind`,
      check({ header, receivedAtMs }) {
        const value = header.get('date');
        if (value === undefined) return undefined;
        const ms = Date.parse(value.replace(/\([^()]*\)/g, ' '));
        const isRight = ms <= receivedAtMs + dateAheadMs && ms >= receivedAtMs - dateBehindMs;
        return isRight ? undefined : { action: config.badDate, reason: value.slice(0, 80) };
      },
    },
  ];
}

function attachmentRules(config: CheckContentConfig): readonly ContentRule[] {
  const endings = new Set(config.bannedEndings);
  const types = new Set(config.bannedTypes);
  const those = (facts: ContentFacts, is: (one: Attachment) => boolean) =>
    facts.attachments.filter(is).map(placeOf);
  return [
    {
      name: 'bannedName',
      description: `${endings.size} endings`,
      check: (facts) =>
        hitIf(
          config.bannedName,
          those(facts, ({ name }) => endings.has(endingOf(name))),
        ),
    },
    {
      name: 'bannedType',
      description: config.bannedTypes.join(', '),
      check: (facts) =>
        hitIf(
          config.bannedType,
          those(facts, ({ realType }) => realType !== undefined && types.has(realType)),
        ),
    },
    {
      name: 'disguised',
      check: (facts) =>
        hitIf(
          config.disguised,
          those(facts, ({ name, realType }) => isDisguised(name, realType)),
        ),
    },
    {
      name: 'macros',
      check: (facts) =>
        hitIf(
          config.macros,
          those(facts, ({ name, inside }) => inside.length > 0 && /^vbaProject\.bin$/i.test(name)),
        ),
    },
  ];
}

function archiveProblemRules(config: CheckContentConfig): readonly ContentRule[] {
  const { archiveDepthMax, archiveEntriesMax, unpackedBytesMax } = config;
  const bounds = `${archiveDepthMax} deep, ${archiveEntriesMax} files, ${unpackedBytesMax} octets unpacked`;
  return (['encryptedArchive', 'brokenArchive', 'opaqueArchive', 'bomb'] as const).map((rule) => ({
    name: rule,
    ...(rule === 'bomb' ? { description: bounds } : {}),
    check: ({ archives }) =>
      hitIf(
        config[rule],
        archives
          .filter(({ problem }) => archiveRules[problem] === rule)
          .map(({ name, problem }) => `${name} ${problem}`),
      ),
  }));
}

function tooMuch(config: CheckContentConfig): ContentRule {
  const { partsMax, depthMax, attachmentBytesMax = Number.POSITIVE_INFINITY } = config;
  const size = Number.isFinite(attachmentBytesMax) ? `, attachments of ${attachmentBytesMax} octets` : '';
  return {
    name: 'tooMuch',
    description: `${partsMax} parts, ${depthMax} deep${size}`,
    check({ parts, depth, attachments }) {
      const reasons = [
        ...(parts.length > partsMax ? [`${parts.length} parts`] : []),
        ...(depth > depthMax ? [`${depth} deep`] : []),
        ...attachments
          .filter(({ sizeBytes }) => sizeBytes > attachmentBytesMax)
          .map((one) => `${placeOf(one)} of ${one.sizeBytes} octets`),
      ];
      return hitIf(config.tooMuch, reasons);
    },
  };
}

/** One hit for all that was found. */
function hitIf(action: RuleAction, found: readonly string[]): RuleHit | undefined {
  if (found.length === 0) return undefined;
  const more = found.length > 5 ? ` and ${found.length - 5} more` : '';
  return { action, reason: found.slice(0, 5).join(', ') + more };
}

function placeOf({ name, inside }: Attachment): string {
  return [...inside, name === '' ? '(no name)' : name].join(' > ');
}
