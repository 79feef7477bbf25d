/** `postroad queue suspend|resume|suspensions` and `postroad trace`: they ask the running server. */
import { MailError } from '../../errors.js';
import type { CommandArgument } from '../../plugin/command.js';
import type { MessageTrace, Suspension, SuspensionTarget } from '../../services/queue.js';
import { systemClock } from '../../services/system-clock.js';
import type { CliCommand, CliContext } from '../command.js';
import { timelineLines } from '../queue-rows.js';
import { socketArgument, withServer } from '../reach-server.js';
import { cellText } from '../table.js';

const targetArguments: Readonly<Record<string, CommandArgument>> = {
  site: { kind: 'string', description: 'a site as `queue list` shows it, such as mx:example.com' },
  domain: { kind: 'string', description: "a recipient's domain" },
  account: { kind: 'string', description: 'an account that hands messages in' },
  tenant: { kind: 'string', description: 'whom messages belong to' },
  campaign: { kind: 'string', description: 'the sending that messages belong to' },
};

const queueSuspend: CliCommand = {
  name: 'queue suspend',
  description:
    'Begin no deliveries to a site or domain, or of an account, tenant or campaign; kept over restarts.',
  args: {
    ...targetArguments,
    reason: { kind: 'string', description: 'why, for those who look at it later' },
    minutes: { kind: 'string', description: 'for so long; without it until it is resumed' },
    ...socketArgument,
  },
  examples: ['postroad queue suspend --domain example.com --minutes 60 --reason "their postmaster asked"'],
  run: (context) =>
    withServer(context, async (client) => {
      const { reason } = context.args;
      const untilMs = readUntil(context);
      const given = {
        ...readTarget(context),
        ...(reason === undefined ? {} : { reason }),
        ...(untilMs === undefined ? {} : { untilMs }),
      };
      const suspension = (await client.call('queue.suspend', given)) as Suspension;
      context.terminal.whole(suspension, [`Suspended: ${describe(suspension)}`]);
    }),
};

const queueResume: CliCommand = {
  name: 'queue resume',
  description: 'End a suspension; what waits for it is tried at once.',
  args: { ...targetArguments, ...socketArgument },
  examples: ['postroad queue resume --domain example.com'],
  run: (context) =>
    withServer(context, async (client) => {
      const result = (await client.call('queue.resume', { ...readTarget(context) })) as {
        readonly resumed: boolean;
      };
      context.terminal.whole(result, [result.resumed ? 'Resumed.' : 'It was not suspended.']);
    }),
};

const queueSuspensions: CliCommand = {
  name: 'queue suspensions',
  description: 'List what is suspended.',
  args: { ...socketArgument },
  examples: ['postroad queue suspensions'],
  run: (context) =>
    withServer(context, async (client) => {
      const all = (await client.call('queue.suspensions', {})) as readonly Suspension[];
      context.terminal.whole(all, all.length === 0 ? ['Nothing is suspended.'] : all.map(describe));
    }),
};

const trace: CliCommand = {
  name: 'trace',
  description: 'Tell what happened to messages: lately, or as long as an observe-timeline plugin keeps it.',
  args: {
    query: {
      kind: 'positional',
      description: 'a message id, a Message-ID, a sender or a recipient',
      isRequired: true,
    },
    ...socketArgument,
  },
  examples: ['postroad trace bob@example.com', 'postroad trace 01j9z3k8w2'],
  run: (context) =>
    withServer(context, async (client) => {
      const traces = (await client.call('queue.trace', {
        query: context.args.query,
      })) as readonly MessageTrace[];
      const lines = traces.length === 0 ? ['No message that the server remembers is about that.'] : [];
      for (const one of traces) lines.push(...renderTrace(one));
      context.terminal.whole(traces, lines);
    }),
};

/** The commands. */
export const suspendCommands: readonly CliCommand[] = [queueSuspend, queueResume, queueSuspensions, trace];

function renderTrace({ messageId, messageIdField, reversePath, entries }: MessageTrace): readonly string[] {
  const field = messageIdField === undefined ? '' : ` ${messageIdField}`;
  return [cellText(`${messageId}${field} from <${reversePath}>`), ...timelineLines(entries)];
}

function describe({ kind, value, reason, untilMs }: Suspension): string {
  const until = untilMs === undefined ? 'until it is resumed' : `until ${new Date(untilMs).toISOString()}`;
  return cellText(`${kind} ${value} ${until} (${reason})`);
}

function readTarget({ args }: CliContext): SuspensionTarget {
  const named = (['site', 'domain', 'account', 'tenant', 'campaign'] as const).filter(
    (kind) => typeof args[kind] === 'string',
  );
  const kind = named[0];
  if (kind === undefined || named.length > 1) {
    throw new MailError('E_USAGE', 'name one of --site, --domain, --account, --tenant and --campaign');
  }
  return { kind, value: String(args[kind]) };
}

function readUntil({ args }: CliContext): number | undefined {
  if (args.minutes === undefined) return undefined;
  const minutes = Number(args.minutes);
  if (Number.isFinite(minutes) && minutes > 0) return systemClock.now() + minutes * 60_000;
  throw new MailError('E_USAGE', '--minutes is a number above 0');
}
