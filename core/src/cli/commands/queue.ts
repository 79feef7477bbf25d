/** `postroad queue ...`: they ask the running server, so they never race it. */
import { MailError } from '../../errors.js';
import type { CommandArgument } from '../../plugin/command.js';
import type { QueuedRecipient } from '../../services/queue-store.js';
import { systemClock } from '../../services/system-clock.js';
import type { CliCommand, CliContext } from '../command.js';
import { recipientRow, type ShownMessage, showMessage, timelineLines } from '../queue-rows.js';
import { socketArgument, withServer } from '../reach-server.js';

/** Options that choose recipients. */
export const filterArguments: Readonly<Record<string, CommandArgument>> = {
  id: { kind: 'positional', description: 'only this message' },
  state: { kind: 'string', description: 'only ready, waiting, leased or held recipients' },
  domain: { kind: 'string', description: 'only recipients of this domain' },
  recipient: { kind: 'string', description: 'only this address' },
  sender: { kind: 'string', description: 'only this reverse-path; "" for the null one' },
  site: { kind: 'string', description: 'only recipients that go to this site' },
  'sender-domain': { kind: 'string', description: 'only reverse-paths of this domain' },
  account: { kind: 'string', description: 'only messages that this account handed in' },
  tenant: { kind: 'string', description: 'only messages of this tenant' },
  campaign: { kind: 'string', description: 'only messages of this campaign' },
  listener: { kind: 'string', description: 'only messages that came over this listener' },
  client: { kind: 'string', description: 'only messages from this address' },
  'older-than': { kind: 'string', description: 'only messages received so many minutes ago or earlier' },
  tries: { kind: 'string', description: 'only recipients with at least so many tries' },
  reply: { kind: 'string', description: 'only recipients whose last reply has this in it' },
};

const reasonOf: Readonly<Record<string, Readonly<Record<string, CommandArgument>>>> = {
  hold: { reason: { kind: 'string', description: 'why, for those who look at it later' } },
  bounce: { reason: { kind: 'string', description: 'why, for the senders' } },
  redirect: {
    to: {
      kind: 'string',
      description: 'mx:DOMAIN, smtp:HOST:PORT, lmtp:HOST:PORT or NAME:TARGET; without it the usual way again',
    },
  },
};

/** Lists recipients. */
const queueList: CliCommand = {
  name: 'queue list',
  description: 'List the recipients in the queue.',
  args: {
    ...filterArguments,
    limit: { kind: 'string', description: 'at most so many; on a terminal 100, in a pipe all by default' },
    ...socketArgument,
  },
  examples: [
    'postroad queue list',
    'postroad queue list --domain example.org --state waiting',
    "postroad queue list --json | jq -r '.messageId' | sort -u",
  ],
  run: (context) =>
    withServer(context, async (client) => {
      const { terminal } = context;
      const limit = readLimit(context);
      const nowMs = systemClock.now();
      let listed = 0;
      const end = (await client.call(
        'queue.list',
        { filter: readFilter(context), ...(limit === undefined ? {} : { limit }) },
        (page) => {
          const recipients = page as readonly QueuedRecipient[];
          listed += recipients.length;
          terminal.more(
            terminal.isJson ? recipients.map(asRecord) : recipients.map((one) => recipientRow(one, nowMs)),
          );
          return terminal.room();
        },
      )) as { readonly isComplete: boolean };
      if (terminal.isJson) return;
      if (listed === 0) terminal.print('Nothing in the queue matches.');
      else if (!end.isComplete) terminal.print(`… and more than these ${listed}; say --limit for others.`);
    }),
};

/** Shows one message. */
const queueShow: CliCommand = {
  name: 'queue show',
  description: 'Show a message in the queue: its recipients, every try, and what was said.',
  args: {
    id: { kind: 'positional', description: 'the id of the message', isRequired: true },
    ...socketArgument,
  },
  examples: ['postroad queue show 01j9z3k8w2'],
  run: (context) =>
    withServer(context, async (client) => {
      const shown = (await client.call('queue.show', { id: context.args.id })) as ShownMessage;
      const { terminal } = context;
      if (terminal.isJson) {
        terminal.whole(shown, []);
        return;
      }
      const nowMs = systemClock.now();
      terminal.whole(shown, showMessage(shown));
      terminal.result(shown.recipients.map((recipient) => recipientRow(recipient, nowMs)));
      const { timeline = [] } = shown;
      if (timeline.length > 0)
        for (const line of ['', 'What happened', ...timelineLines(timeline)]) terminal.print(line);
    }),
};

/** All commands of the queue. */
export const queueCommands: readonly CliCommand[] = [
  queueList,
  queueShow,
  changeCommand('retry', 'Try recipients again now, whenever they were due.', [
    'postroad queue retry --domain example.org',
  ]),
  changeCommand('hold', 'Keep recipients back until they are released.', [
    'postroad queue hold --sender news@example.org --reason "asked the author"',
  ]),
  changeCommand('release', 'Let held recipients go on.', ['postroad queue release --all']),
  changeCommand('bounce', 'Return recipients to their senders, who are told the reason.', [
    'postroad queue bounce --domain example.org --reason "the domain was given up"',
  ]),
  changeCommand('redirect', 'Send recipients another way, now.', [
    'postroad queue redirect --domain example.org --to smtp:backup.example.net:25',
  ]),
  changeCommand('delete', 'Remove recipients from the queue; their senders are not told.', [
    'postroad queue delete 01j9z3k8w2',
  ]),
];

function changeCommand(
  action: keyof typeof pastOf,
  description: string,
  examples: readonly string[],
): CliCommand {
  return {
    name: `queue ${action}`,
    description,
    args: {
      ...filterArguments,
      all: { kind: 'boolean', description: 'really all recipients in the queue' },
      ...reasonOf[action],
      ...socketArgument,
    },
    examples,
    run: (context) =>
      withServer(context, async (client) => {
        const filter = readFilter(context);
        if (Object.keys(filter).length === 0 && context.args.all !== true) {
          throw new MailError('E_USAGE', `name a message or a filter, or say --all for the whole queue`);
        }
        const { reason, to } = context.args;
        const given = {
          filter,
          all: context.args.all === true,
          ...(reason === undefined ? {} : { reason }),
          ...(to === undefined ? {} : { to }),
        };
        const result = (await client.call(`queue.${action}`, given)) as { readonly changed: number };
        const { changed } = result;
        context.terminal.whole(result, [
          `${pastOf[action]} ${changed} ${changed === 1 ? 'recipient' : 'recipients'}.`,
        ]);
      }),
  };
}

const pastOf = {
  retry: 'Made due:',
  hold: 'Held:',
  release: 'Released:',
  bounce: 'Returned:',
  redirect: 'Redirected:',
  delete: 'Deleted:',
} as const;

/** The filter that the options of a command mean. */
export function readFilter({ args }: CliContext): Readonly<Record<string, unknown>> {
  const filter: Record<string, unknown> = {};
  if (args.id !== undefined) filter.messageId = args.id;
  for (const [name, key] of Object.entries(textFilters)) {
    if (args[name] !== undefined) filter[key] = args[name];
  }
  if (typeof args.domain === 'string') filter.domain = args.domain.toLowerCase();
  const minutes = readNumber(args['older-than'], '--older-than');
  if (minutes !== undefined) filter.receivedBeforeMs = systemClock.now() - minutes * 60_000;
  const tries = readNumber(args.tries, '--tries');
  if (tries !== undefined) filter.attemptsMin = tries;
  return filter;
}

/** Options that are passed on as they are, with their names in filters. */
const textFilters = {
  state: 'state',
  recipient: 'recipient',
  sender: 'sender',
  site: 'site',
  'sender-domain': 'senderDomain',
  account: 'account',
  tenant: 'tenant',
  campaign: 'campaign',
  listener: 'listener',
  client: 'remoteAddress',
  reply: 'reply',
} as const;

function readNumber(text: string | boolean | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0 && text !== '') return number;
  throw new MailError('E_USAGE', `${name} is a number`);
}

function readLimit({ args, terminal }: CliContext): number | undefined {
  if (args.limit === undefined) return terminal.isInteractive && !terminal.isJson ? 100 : undefined;
  const limit = Number(args.limit);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new MailError('E_USAGE', '--limit is a number above 0');
}

function asRecord(recipient: QueuedRecipient): Readonly<Record<string, unknown>> {
  return { ...recipient };
}
