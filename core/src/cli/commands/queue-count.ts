/** `postroad queue count`: how many recipients a filter means, in all or by what they have in common. */
import { MailError } from '../../errors.js';
import type { QueueCounts, QueuedRecipient } from '../../services/queue-store.js';
import type { CliCommand, CliContext } from '../command.js';
import { socketArgument, withServer } from '../reach-server.js';
import { filterArguments, readFilter } from './queue.js';

/** What recipients can be counted by; other fields of a message are counted with a filter for each value. */
const groupings: Readonly<Record<string, (recipient: QueuedRecipient) => string>> = {
  site: ({ site }) => site,
  domain: ({ address }) => address.domain,
  state: ({ state }) => state,
  message: ({ messageId }) => messageId,
  tries: ({ attempts }) => String(attempts),
  answer: ({ lastReply }) =>
    lastReply === undefined ? 'none' : `${lastReply.code} ${lastReply.detail ?? ''}`.trim(),
};

/** Most groups that are kept; what comes after them is counted together. */
const groupsMax = 100_000;
const otherGroup = '(others)';

const queueCount: CliCommand = {
  name: 'queue count',
  description:
    'Count the recipients in the queue, in all or by site, domain, state, message, tries or answer.',
  args: {
    ...filterArguments,
    by: { kind: 'string', description: `${Object.keys(groupings).join(', ')}: the largest groups first` },
    limit: { kind: 'string', description: 'at most so many groups; 20 by default' },
    ...socketArgument,
  },
  examples: ['postroad queue count --state waiting', 'postroad queue count --by site --limit 5'],
  run: (context) =>
    withServer(context, async (client) => {
      const groupOf = readGrouping(context);
      if (groupOf === undefined) {
        const counts = (await client.call('queue.count', { filter: readFilter(context) })) as QueueCounts;
        context.terminal.whole(counts, countLines(counts));
        return;
      }
      const groups = new Map<string, number>();
      const count = (recipient: QueuedRecipient): void => {
        const group = groupOf(recipient);
        const name = groups.has(group) || groups.size < groupsMax ? group : otherGroup;
        groups.set(name, (groups.get(name) ?? 0) + 1);
      };
      await client.call('queue.list', { filter: readFilter(context) }, (page) => {
        (page as readonly QueuedRecipient[]).forEach(count);
        return undefined;
      });
      if (groups.size === 0 && !context.terminal.isJson) {
        context.terminal.print('Nothing in the queue matches.');
        return;
      }
      const sorted = [...groups].sort(([, a], [, b]) => b - a).slice(0, readLimit(context));
      context.terminal.result(
        sorted.map(([group, recipients]) => ({ [String(context.args.by)]: group, recipients })),
      );
    }),
};

/** The command. */
export const queueCountCommands: readonly CliCommand[] = [queueCount];

function readGrouping({ args }: CliContext): ((recipient: QueuedRecipient) => string) | undefined {
  if (args.by === undefined) return undefined;
  const grouping = Object.hasOwn(groupings, String(args.by)) ? groupings[String(args.by)] : undefined;
  if (grouping !== undefined) return grouping;
  throw new MailError('E_USAGE', `--by is one of ${Object.keys(groupings).join(', ')}`);
}

function readLimit({ args }: CliContext): number {
  const limit = args.limit === undefined ? 20 : Number(args.limit);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new MailError('E_USAGE', '--limit is a number above 0');
}

function countLines({ messages, recipients, byState }: QueueCounts): readonly string[] {
  const states = Object.entries(byState).map(([state, count]) => `${count} ${state}`);
  return [`${recipients} recipients of ${messages} messages: ${states.join(', ')}`];
}
