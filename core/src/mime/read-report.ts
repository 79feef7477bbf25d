/** Reads reports that come by mail: delivery status notifications (RFC 3464, RFC 6533) and complaints (RFC 5965). */
import type { Body } from '../body/body.js';
import { type MailAddress, parseAddress } from '../values/address.js';
import { classifyBounce } from '../values/bounce-class.js';
import { type HeaderSection, parseHeader } from '../values/header.js';
import type { ReceivedReport, ReportedComplaint, ReportedRecipient } from '../values/received-report.js';
import { type Reply, reply } from '../values/reply.js';
import { transferDecoder } from './decode-text.js';
import { parseStructure } from './parse-structure.js';
import type { MimePart } from './structure.js';

/** Of a part no more is read: a report is text about some recipients. */
const partOctetsMax = 262_144;
const recipientsMax = 1_000;
const actions = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const;

/** The report that a message is; `undefined` when it is none. Rejects only when the body can't be read. */
export async function readReport(body: Body): Promise<ReceivedReport | undefined> {
  const { structure } = await parseStructure('', body);
  if (structure.type !== 'multipart' || structure.subtype !== 'report') return undefined;
  const machine = structure.children.find(isForMachines);
  if (machine === undefined) return undefined;
  const original = structure.children.find(isOriginal);
  const about = original === undefined ? undefined : parseHeader(await octetsOf(body, original));
  const text = await octetsOf(body, machine);
  const messageIdField = about?.get('Message-ID');
  const shared = messageIdField === undefined ? {} : { messageIdField: messageIdField.slice(0, 998) };
  if (machine.subtype === 'feedback-report')
    return { kind: 'complaint', ...shared, recipients: [], complaint: complaintOf(parseHeader(text), about) };
  return { kind: 'bounce', ...shared, ...statusOf(groupsOf(text)) };
}

function isForMachines({ type, subtype }: MimePart): boolean {
  return type === 'message' && /^(?:(?:global-)?delivery-status|feedback-report)$/.test(subtype);
}

function isOriginal({ type, subtype }: MimePart): boolean {
  if (type === 'text') return subtype === 'rfc822-headers';
  return type === 'message' && /^(?:rfc822|global|global-headers)$/.test(subtype);
}

/** The beginning of a part, decoded. */
async function octetsOf(body: Body, part: MimePart): Promise<Buffer> {
  const decoder = transferDecoder(part.encoding);
  const pieces: Buffer[] = [];
  const end = Math.min(part.bodyEnd, part.bodyStart + partOctetsMax);
  for await (const chunk of body.open({ start: part.bodyStart, end }))
    pieces.push(decoder.write(Buffer.from(chunk)));
  pieces.push(decoder.end());
  return Buffer.concat(pieces);
}

/** RFC 3464 section 2.1: groups of fields between empty lines. */
function groupsOf(octets: Buffer): readonly HeaderSection[] {
  const groups = octets
    .toString('utf8')
    .split(/\r?\n(?:[ \t]*\r?\n)+/)
    .filter((group) => group.trim() !== '');
  return groups.slice(0, recipientsMax + 1).map((group) => parseHeader(Buffer.from(`${group}\r\n\r\n`)));
}

function statusOf(groups: readonly HeaderSection[]): Omit<ReceivedReport, 'kind'> {
  const [first] = groups;
  const perMessage = first === undefined || first.get('Final-Recipient') !== undefined ? undefined : first;
  const recipients = groups.flatMap((group) => {
    const one = recipientOf(group);
    return one === undefined ? [] : [one];
  });
  const reportingMta = typed(perMessage?.get('Reporting-MTA'));
  const envid = perMessage?.get('Original-Envelope-Id')?.trim();
  return {
    ...(reportingMta === undefined ? {} : { reportingMta }),
    ...(envid === undefined ? {} : { envid }),
    recipients,
  };
}

function recipientOf(group: HeaderSection): ReportedRecipient | undefined {
  const address = addressOf(typed(group.get('Final-Recipient')) ?? typed(group.get('Original-Recipient')));
  const said = group
    .get('Action')
    ?.trim()
    .toLowerCase()
    .split(/[\s(;]/)[0];
  const action = actions.find((known) => known === said);
  if (address === undefined || action === undefined) return undefined;
  const originalAddress = addressOf(typed(group.get('Original-Recipient')));
  const remote = typed(group.get('Remote-MTA'));
  const words = replyOf(group, action);
  return {
    address,
    ...(originalAddress === undefined ? {} : { originalAddress }),
    action,
    reply: words,
    bounceClass: classifyBounce(words),
    isHard: action === 'failed' && words.code >= 500,
    ...(remote === undefined ? {} : { remote: remote.slice(0, 255) }),
  };
}

/** The diagnostic as a reply; the status says which class it is where the diagnostic has no code of its own. */
function replyOf(group: HeaderSection, action: ReportedRecipient['action']): Reply {
  const diagnostic = typed(group.get('Diagnostic-Code')) ?? '';
  const status = /([245])\.(\d{1,3}\.\d{1,3})/.exec(group.get('Status') ?? '');
  const own = /^\s*([245]\d\d)[ -](?:([245])\.(\d{1,3}\.\d{1,3})\b)?\s*(.*)$/s.exec(diagnostic);
  const text = (own?.[4] ?? diagnostic).trim() || 'no reason given';
  const detail = own?.[3] ?? status?.[2];
  if (own !== null) return reply(Number(own[1]), detail, text);
  const usual = action === 'failed' ? 5 : action === 'delayed' ? 4 : 2;
  return reply({ 2: 250, 4: 450, 5: 550 }[Number(status?.[1] ?? usual)] ?? 550, detail, text);
}

function complaintOf(fields: HeaderSection, about: HeaderSection | undefined): ReportedComplaint {
  const named = fields.all('Original-Rcpt-To').flatMap(({ value }) => addressOf(value) ?? []);
  const reversePath = addressOf(fields.get('Original-Mail-From') ?? about?.get('Return-Path'));
  const sourceAddress = fields.get('Source-IP')?.trim().slice(0, 64);
  const userAgent = fields.get('User-Agent')?.trim().slice(0, 255);
  return {
    feedbackType: (fields.get('Feedback-Type') ?? 'other').trim().toLowerCase().slice(0, 64),
    recipients: named.slice(0, recipientsMax),
    ...(reversePath === undefined ? {} : { reversePath }),
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    ...(userAgent === undefined ? {} : { userAgent }),
  };
}

/** What stands behind the type, as in `rfc822; bob@example.net`. */
function typed(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const split = value.indexOf(';');
  return (split < 0 ? value : value.slice(split + 1)).replace(/\s+/g, ' ').trim();
}

function addressOf(text: string | undefined): MailAddress | undefined {
  if (text === undefined) return undefined;
  return parseAddress(text.trim().replace(/^<(.*)>$/, '$1'));
}
