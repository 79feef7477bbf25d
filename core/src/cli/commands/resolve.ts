/** `postroad resolve`: asks the running server where mail would go. */
import type { AddressResolution } from '../../services/queue.js';
import type { Finding } from '../../values/finding.js';
import { formatReply } from '../../values/reply.js';
import type { CliCommand } from '../command.js';
import { socketArgument, withServer } from '../reach-server.js';
import { cellText } from '../table.js';

const resolve: CliCommand = {
  name: 'resolve',
  description:
    'Show where mail for an address would go now, and whether anything blocks it; nothing is sent.',
  args: {
    address: { kind: 'positional', description: "the recipient's address", isRequired: true },
    sender: { kind: 'string', description: 'the reverse-path; the null one by default' },
    ...socketArgument,
  },
  examples: [
    'postroad resolve bob@example.com',
    'postroad resolve bob@example.com --sender news@example.org',
  ],
  run: (context) =>
    withServer(context, async (client) => {
      const { address, sender } = context.args;
      const found = (await client.call('resolve', {
        address,
        ...(sender === undefined ? {} : { sender }),
      })) as AddressResolution;
      context.terminal.whole(found, renderResolution(found).map(cellText));
    }),
};

/** The commands. */
export const resolveCommands: readonly CliCommand[] = [resolve];

function renderResolution(found: AddressResolution): readonly string[] {
  const { route, site, egress, limits, waiting, refusal } = found;
  if (route === undefined) {
    return [`Refused     ${refusal === undefined ? 'without a reason' : formatReply(refusal)}`];
  }
  return [
    `Route       ${describeFacts(route)}`,
    `Site        ${site}`,
    ...(egress === undefined || Object.keys(egress).length === 0
      ? []
      : [`Leaves by   ${describeFacts(egress)}`]),
    ...found.findings.map((finding) => `Finding     ${describeFinding(finding)}`),
    ...(limits === undefined ? [] : [`Deliveries  ${limits.active} under way, ${limits.window} at once now`]),
    ...(limits?.rules ?? []).map((rule) => `Limit       ${describeFacts(rule)}`),
    `Waiting     ${waiting ?? 0} recipients of this site in the queue`,
    ...(found.blocks.length === 0 ? ['Blocked     no'] : found.blocks.map(describeBlock)),
  ];
}

function describeFinding({ source, result, text, error }: Finding): string {
  return [source, result, text, error].filter((one) => one !== undefined).join('  ');
}

function describeBlock({ kind, reason, untilMs }: AddressResolution['blocks'][number]): string {
  const until = untilMs === undefined ? '' : ` until ${new Date(untilMs).toISOString()}`;
  return `Blocked     ${kind}${until}: ${typeof reason === 'string' ? reason : formatReply(reason)}`;
}

function describeFacts(facts: object): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');
}
