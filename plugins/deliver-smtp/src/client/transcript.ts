/** What is said on a connection, for those who ask why a message did not arrive: bounded, and written out only when it is asked for. */
import type { ServerReply } from './reply-parser.js';

/** Most things that are remembered of one transaction; the first ones and the latest count. */
const saidMax = 60;
const firstKept = 20;
const lineLengthMax = 300;
/** Lines of one reply that are shown. */
const replyLinesMax = 10;

type Said = string | ServerReply;

/** Remembers one transaction, and what came before the first. */
export class Transcript {
  #said: Said[] = [];
  #isCut = false;

  /** Forgets what was said before: another message begins. */
  begin(): void {
    if (this.#said.length > 0) this.#said = [];
    this.#isCut = false;
  }

  /** Commands, with their line ends. */
  sent(text: string): void {
    this.#add(text);
  }

  heard(reply: ServerReply): void {
    this.#add(reply);
  }

  /** Something that happened, and was not said. */
  note(text: string): void {
    this.#add(`* ${text}`);
  }

  /** In lines: `>` what we said, `<` what the server said, `*` what happened. */
  lines(): readonly string[] {
    const lines = this.#said.flatMap(linesOf).map((line) => line.slice(0, lineLengthMax));
    if (this.#isCut) lines.splice(Math.min(firstKept, lines.length), 0, '* ...');
    return lines;
  }

  #add(said: Said): void {
    if (this.#said.length >= saidMax) {
      this.#said.splice(firstKept, 1);
      this.#isCut = true;
    }
    this.#said.push(said);
  }
}

function linesOf(said: Said): readonly string[] {
  if (typeof said !== 'string') {
    const { code, lines } = said;
    return lines.slice(0, replyLinesMax).map((line) => `< ${code} ${line}`);
  }
  if (said.startsWith('* ')) return [said];
  return said
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => `> ${line}`);
}
