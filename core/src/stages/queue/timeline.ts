/**
 * What happened to messages, for those who ask why mail is late: of those that were handled lately in memory, bounded; of
 * all others where a plugin keeps a history.
 */
import { judgement } from '../../context/judgement.js';
import type { HistoryRecord, MessageHistory } from '../../services/message-history.js';
import type { MessageTrace, TraceEntry } from '../../services/queue.js';
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import { formatAddress, formatReversePath } from '../../values/address.js';
import type { Finding } from '../../values/finding.js';
import { formatReply } from '../../values/reply.js';
import type { RecipientOutcome } from '../../values/report.js';

/** Something to note. */
export interface TimelineNote {
  readonly event: string;
  readonly recipient?: QueuedRecipient;
  readonly site?: string;
  readonly outcome?: RecipientOutcome;
  readonly detail?: string | undefined;
  readonly transcript?: readonly string[];
}

/** See the file's comment. */
export interface Timeline {
  /** The message has come in; `isNew` when it was never handled before, also not before a restart. */
  begin(message: QueuedMessage, isNew: boolean, findings?: readonly Finding[]): void;
  /** Notes something about a message that was begun; nothing is kept of others. */
  note(messageId: string, note: TimelineNote): void;
  /** By id, Message-ID, sender or recipient; the newest first. */
  find(query: string): Promise<readonly MessageTrace[]>;
}

interface Story {
  readonly messageId: string;
  readonly messageIdField: string | undefined;
  readonly reversePath: string;
  entries: TraceEntry[];
}

const messagesMax = 5_000;
const entriesMax = 50;
const foundMax = 100;
const headerOctetsMax = 16_384;
const findingsMax = 50;
const detailLengthMax = 1_000;
const messageIdPattern = /^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)/im;

/** An empty timeline. */
export function createTimeline(nowMs: () => number, history?: MessageHistory): Timeline {
  const stories = new Map<string, Story>();

  function noteIn(story: Story, entry: TraceEntry, isNew?: boolean): void {
    if (history !== undefined) {
      // Everything is kept there; here only who is known.
      if (isNew !== false) history.add(recordOf(story, entry, isNew === true));
      return;
    }
    // The first two say where it came from and how it was judged; of the rest the latest count.
    if (story.entries.length >= entriesMax) story.entries.splice(2, 1);
    story.entries.push(entry);
  }

  return {
    begin(message, isNew, findings = []) {
      if (stories.has(message.id)) return;
      if (stories.size >= messagesMax) stories.delete(stories.keys().next().value as string);
      const story = storyOf(message);
      stories.set(message.id, story);
      const atMs = message.receivedAtMs;
      noteIn(story, { atMs, event: 'queued', detail: originOf(message) }, isNew);
      const judged = judgementOf(message, findings);
      if (judged !== undefined) noteIn(story, { atMs, event: 'judged', detail: judged }, isNew);
    },
    note(messageId, { event, recipient, site, outcome, detail, transcript }) {
      const story = stories.get(messageId);
      if (story === undefined) return;
      noteIn(story, {
        atMs: nowMs(),
        event,
        ...(recipient === undefined ? {} : { recipient: formatAddress(recipient.address) }),
        ...(site === undefined ? {} : { site }),
        ...(outcome === undefined ? {} : { reply: formatReply(outcome.reply) }),
        ...(outcome?.remote === undefined ? {} : { remote: outcome.remote.name }),
        ...(detail === undefined ? {} : { detail }),
        ...(transcript === undefined || transcript.length === 0 ? {} : { transcript }),
      });
    },
    async find(query) {
      if (history !== undefined) return await history.find(query, foundMax);
      const wanted = query.toLowerCase();
      const found = [...stories.values()].filter((story) => isAbout(story, wanted));
      return found.reverse().slice(0, foundMax).map(traceOf);
    },
  };
}

function recordOf(story: Story, entry: TraceEntry, isFirst: boolean): HistoryRecord {
  const { messageId, messageIdField, reversePath } = story;
  if (!isFirst) return { messageId, entry };
  const field = messageIdField === undefined ? {} : { messageIdField };
  return { messageId, head: { reversePath, ...field }, entry };
}

function originOf({ origin }: QueuedMessage): string {
  const { protocol, remoteAddress, accountId } = origin;
  const account = accountId === undefined ? '' : ` as ${accountId}`;
  return `by ${protocol} from ${remoteAddress}${account}`;
}

/** What policy made of it, and the findings behind that, each as `source/result` with its points. */
function judgementOf(message: QueuedMessage, findings: readonly Finding[]): string | undefined {
  const said = message.state?.[judgement.name];
  const found = findings.slice(0, findingsMax).map(({ source, result, score }) => {
    const name = result === undefined ? source : `${source}/${result}`;
    return `${name}${score === undefined || score === 0 ? '' : ` (${score})`}`;
  });
  const marked = message.quarantine === undefined ? [] : [`marked: ${message.quarantine}`];
  const parts = [...(typeof said === 'string' ? [said] : []), ...marked, ...found];
  return parts.length === 0 ? undefined : parts.join(', ').slice(0, detailLengthMax);
}

function storyOf(message: QueuedMessage): Story {
  return {
    messageId: message.id,
    messageIdField: messageIdPattern.exec(message.headerPrefix)?.[1] ?? fieldOfBody(message.body.headerBytes),
    reversePath: formatReversePath(message.reversePath),
    entries: [],
  };
}

/** Looked for in the first octets only, and without parsing the header: this is done for every message. */
function fieldOfBody(header: Uint8Array): string | undefined {
  const length = Math.min(header.length, headerOctetsMax);
  const text = Buffer.from(header.buffer, header.byteOffset, length).toString('latin1');
  return messageIdPattern.exec(text)?.[1];
}

function isAbout(story: Story, wanted: string): boolean {
  const field = story.messageIdField?.toLowerCase();
  if (story.messageId === wanted || field === wanted || field === `<${wanted}>`) return true;
  if (wanted !== '' && story.reversePath.toLowerCase() === wanted) return true;
  return story.entries.some((entry) => entry.recipient?.toLowerCase() === wanted);
}

function traceOf(story: Story): MessageTrace {
  const { messageId, messageIdField, reversePath, entries } = story;
  return {
    messageId,
    ...(messageIdField === undefined ? {} : { messageIdField }),
    reversePath,
    entries: [...entries],
  };
}
