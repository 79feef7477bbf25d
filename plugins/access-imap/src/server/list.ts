/** LIST and LSUB (RFC 9051 section 6.3.9, RFC 3501 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 3348, RFC 9590). */
import type { Mailbox } from '@postroad/core';
import {
  hierarchySeparator,
  type ListCommand,
  listMatcher,
  mailboxOctets,
  writeAstring,
} from '../protocol/index.js';
import { mailboxesOfOthers } from './find-mailbox.js';
import { tellListed as tellAnnotations } from './metadata.js';
import { type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { writeStatus } from './status.js';

/** A name to tell: a mailbox, a level above mailboxes that is none itself, or a subscription whose mailbox is gone. */
interface Candidate {
  readonly name: string;
  readonly mailbox: Mailbox | undefined;
  readonly isSubscribed: boolean;
  /** Whether there is a mailbox of that name or below it: else it is known by a subscription only. */
  readonly isThere: boolean;
  readonly hasChildren: boolean;
  readonly hasSubscribedBelow: boolean;
  readonly hasSpecialUseBelow: boolean;
}

/** LIST and LSUB. */
export async function list(session: Session, command: ListCommand): Promise<Outcome> {
  if (!command.isExtended && command.patterns[0] === '') {
    // RFC 9051 section 6.3.9: an empty pattern asks for the separator.
    session.untagged(`${command.name} (\\Noselect) "${hierarchySeparator}" ""`);
    return ok('that is the separator');
  }
  const own = await session.server.store.mailboxes(session.account);
  // RFC 4314 section 4: with `l` only.
  const others = (await mailboxesOfOthers(session)).filter(({ rights }) => rights.includes('l'));
  const mailboxes = others.length === 0 ? own : [...own, ...others.map(({ mailbox }) => mailbox)];
  const matchers = command.patterns.map((pattern) => listMatcher(`${command.reference}${pattern}`));
  // RFC 9051 section 6.3.9: subscriptions are told whether or not the mailbox is there.
  const isOfSubscriptions = command.name === 'LSUB' || command.select.has('SUBSCRIBED');
  const lost = isOfSubscriptions ? await session.server.store.lostSubscriptions?.(session.account) : [];
  for (const candidate of candidates(mailboxes, lost ?? [])) {
    if (!matchers.some((matches) => matches(candidate.name))) continue;
    if (command.name === 'LSUB') tellSubscribed(session, candidate, command.patterns);
    else await tellListed(session, candidate, command);
    if (session.wire.output.isFull) await session.wire.output.drain();
  }
  return ok('that is all');
}

/** All mailboxes and the levels above them, then subscriptions without a mailbox and the levels above those. */
function candidates(mailboxes: readonly Mailbox[], lost: readonly string[]): readonly Candidate[] {
  const byName = new Map<string, Mailbox | undefined>();
  const parents = new Set<string>();
  const subscribedAbove = new Set<string>();
  const usedAbove = new Set<string>();
  for (const mailbox of mailboxes) {
    for (const parent of levelsAbove(mailbox.name)) {
      if (!byName.has(parent)) byName.set(parent, undefined);
      parents.add(parent);
      if (mailbox.isSubscribed) subscribedAbove.add(parent);
      if (mailbox.specialUse !== undefined) usedAbove.add(parent);
    }
    byName.set(mailbox.name, mailbox);
  }
  const there = new Set(byName.keys());
  for (const name of lost) {
    for (const parent of levelsAbove(name)) {
      if (!byName.has(parent)) byName.set(parent, undefined);
      subscribedAbove.add(parent);
    }
    if (!byName.has(name)) byName.set(name, undefined);
  }
  const lostNames = new Set(lost);
  return [...byName].map(([name, mailbox]) => ({
    name,
    mailbox,
    isSubscribed: mailbox?.isSubscribed ?? lostNames.has(name),
    isThere: there.has(name),
    hasChildren: parents.has(name),
    hasSubscribedBelow: subscribedAbove.has(name),
    hasSpecialUseBelow: usedAbove.has(name),
  }));
}

function levelsAbove(name: string): string[] {
  const levels: string[] = [];
  for (let at = name.indexOf(hierarchySeparator); at > 0; at = name.indexOf(hierarchySeparator, at + 1)) {
    levels.push(name.slice(0, at));
  }
  return levels;
}

/** RFC 3501 section 6.3.9: with `%`, a level whose mailboxes below are subscribed is told as \Noselect. */
function tellSubscribed(session: Session, candidate: Candidate, patterns: readonly string[]): void {
  if (candidate.isSubscribed) {
    tell(session, 'LSUB', candidate.name, childAttributes(candidate));
  } else if (candidate.hasSubscribedBelow && patterns.some((pattern) => pattern.includes('%'))) {
    tell(session, 'LSUB', candidate.name, ['\\Noselect', '\\HasChildren']);
  }
}

async function tellListed(session: Session, candidate: Candidate, command: ListCommand): Promise<void> {
  const { select, returns, status } = command;
  const { mailbox } = candidate;
  const isSelected =
    (select.has('SUBSCRIBED') ? candidate.isSubscribed : candidate.isThere) &&
    (!select.has('SPECIAL-USE') || mailbox?.specialUse !== undefined);
  const childInfo: string[] = [];
  if (select.has('RECURSIVEMATCH')) {
    // RFC 5258 section 3.5: a parent of something that fits is told, with what fits below it.
    if (select.has('SUBSCRIBED') && candidate.hasSubscribedBelow) childInfo.push('"SUBSCRIBED"');
    if (select.has('SPECIAL-USE') && candidate.hasSpecialUseBelow) childInfo.push('"SPECIAL-USE"');
  }
  if (!isSelected && childInfo.length === 0) return;
  const attributes = childAttributes(candidate);
  if (mailbox === undefined) attributes.unshift(command.isExtended ? '\\NonExistent' : '\\Noselect');
  if (mailbox?.specialUse !== undefined) attributes.push(`\\${mailbox.specialUse}`);
  if (candidate.isSubscribed && (select.has('SUBSCRIBED') || returns.has('SUBSCRIBED'))) {
    attributes.push('\\Subscribed');
  }
  const extended = childInfo.length === 0 ? '' : ` ("CHILDINFO" (${childInfo.join(' ')}))`;
  tell(session, 'LIST', candidate.name, attributes, extended);
  if (mailbox === undefined) return;
  if (status.length > 0) await writeStatus(session, mailbox, status);
  if (command.metadata.length > 0) await tellAnnotations(session, mailbox, command.metadata);
}

function childAttributes(candidate: Candidate): string[] {
  return [candidate.hasChildren ? '\\HasChildren' : '\\HasNoChildren'];
}

function tell(
  session: Session,
  word: 'LIST' | 'LSUB',
  name: string,
  attributes: readonly string[],
  extended = '',
): void {
  const octets = writeAstring(mailboxOctets(name, session.names));
  session.untagged(`${word} (${attributes.join(' ')}) "${hierarchySeparator}" ${octets}${extended}`);
}
