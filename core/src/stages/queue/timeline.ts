/** What happened to the messages that were handled lately: in memory, bounded, for those who ask why mail is late. */
import { judgement } from '../../context/judgement.js';
import type { MessageTrace, TraceEntry } from '../../services/queue.js';
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import { formatAddress, formatReversePath } from '../../values/address.js';
import { formatReply } from '../../values/reply.js';
import type { RecipientOutcome } from '../../values/report.js';

/** Something to note. */
export interface TimelineNote {
  readonly event: string;
  readonly recipient?: QueuedRecipient;
  readonly site?: string;
  readonly outcome?: RecipientOutcome;
  readonly detail?: string;
}

/** See the file's comment. */
export interface Timeline {
  /** The message is being handled. */
  begin(message: QueuedMessage): void;
  /** Notes something about a message that was begun; nothing is kept of others. */
  note(messageId: string, note: TimelineNote): void;
  /** By id, Message-ID, sender or recipient; the newest first. */
  find(query: string): readonly MessageTrace[];
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
const messageIdPattern = /^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)/im;

/** An empty timeline. */
export function createTimeline(nowMs: () => number): Timeline {
  const stories = new Map<string, Story>();

  function noteIn(story: Story, entry: TraceEntry): void {
    // The first two say where it came from and how it was judged; of the rest the latest count.
    if (story.entries.length >= entriesMax) story.entries.splice(2, 1);
    story.entries.push(entry);
  }

  return {
    begin(message) {
      if (stories.has(message.id)) return;
      if (stories.size >= messagesMax) stories.delete(stories.keys().next().value as string);
      const story = storyOf(message);
      stories.set(message.id, story);
      const { protocol, remoteAddress, accountId } = message.origin;
      const account = accountId === undefined ? '' : ` as ${accountId}`;
      const detail = `by ${protocol} from ${remoteAddress}${account}`;
      noteIn(story, { atMs: message.receivedAtMs, event: 'queued', detail });
      const judged = message.state?.[judgement.name];
      if (typeof judged === 'string')
        noteIn(story, { atMs: message.receivedAtMs, event: 'judged', detail: judged });
    },
    note(messageId, { event, recipient, site, outcome, detail }) {
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
      });
    },
    find(query) {
      const wanted = query.toLowerCase();
      const found = [...stories.values()].filter((story) => isAbout(story, wanted));
      return found.reverse().slice(0, foundMax).map(traceOf);
    },
  };
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
