/** The base subject by which SORT and THREAD compare (RFC 5256 section 2.1). */

/** A subject without what replies and forwards add to it. */
export interface BaseSubject {
  readonly base: string;
  /** Whether something said that it is a reply or forward. */
  readonly isReply: boolean;
}

/** Longer subjects are compared by their beginning. */
const subjectLengthMax = 2048;
const trailerPattern = /(?:\(fwd\)|[ \t])+$/i;
const leaderPattern = /^(?:\[[^[\]]*\][ \t]*)*(?:re|fwd?)[ \t]*(?:\[[^[\]]*\])?[ \t]*:/i;
const blobPattern = /^\[[^[\]]*\][ \t]*/;
const forwardPattern = /^\[fwd:(.*)\]$/i;

/** The base of a subject whose encoded words are decoded already. */
export function baseSubject(subject: string): BaseSubject {
  let text = subject
    .slice(0, subjectLengthMax)
    .replace(/[ \t\r\n]+/g, ' ')
    .trim();
  let isReply = false;
  for (;;) {
    const before = text;
    const withoutTrailer = text.replace(trailerPattern, '');
    if (/\(fwd\)$/i.test(text.trimEnd())) isReply = true;
    text = withoutTrailer;
    const stripped = stripLeaders(text);
    text = stripped.text;
    isReply ||= stripped.isReply;
    const forwarded = forwardPattern.exec(text);
    if (forwarded !== null) {
      text = (forwarded[1] as string).trim();
      isReply = true;
    }
    if (text === before) return { base: text, isReply };
  }
}

function stripLeaders(subject: string): { text: string; isReply: boolean } {
  let text = subject.trimStart();
  let isReply = false;
  for (;;) {
    const leader = leaderPattern.exec(text);
    if (leader !== null) {
      text = text.slice(leader[0].length).trimStart();
      isReply = true;
      continue;
    }
    // RFC 5256 section 2.1, step 4: a blob is kept when nothing would be left.
    const blob = blobPattern.exec(text);
    if (blob === null || forwardPattern.test(text) || text.length === blob[0].length)
      return { text, isReply };
    text = text.slice(blob[0].length);
  }
}
