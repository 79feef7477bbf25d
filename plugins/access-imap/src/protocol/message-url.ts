/** URLs of messages and their parts (RFC 5092), in the relative form that CATENATE needs (RFC 4469 section 5). */
import { Cursor, SyntaxFault } from './cursor.js';
import { type Partial, readSection, type Section } from './fetch-items.js';
import { textOf } from './octets.js';

/** What such a URL names. */
export interface MessageUrl {
  readonly mailbox: string;
  readonly uidValidity?: number;
  readonly uid: number;
  readonly section: Section;
  readonly partial?: Partial;
}

const urlPattern =
  /^\/([^;/?#]+(?:\/[^;/?#]+)*?)(?:;UIDVALIDITY=(\d{1,10}))?\/?;UID=(\d{1,10})(?:\/;SECTION=([^;]+?))?(?:\/;PARTIAL=(\d{1,10})(?:\.(\d{1,10}))?)?$/i;
const urlLengthMax = 4096;
const numberMax = 0xffff_ffff;

/** Parses a URL such as `/INBOX;UIDVALIDITY=1/;UID=20/;SECTION=1.2`; `undefined` when it is none of ours. */
export function parseMessageUrl(url: string): MessageUrl | undefined {
  const found = url.length > urlLengthMax ? null : urlPattern.exec(url);
  if (found === null) return undefined;
  const mailbox = unescapePart(found[1] as string);
  const uid = Number(found[3]);
  const section = parseSection(found[4] === undefined ? '' : unescapePart(found[4]));
  const uidValidity = found[2] === undefined ? undefined : Number(found[2]);
  if (mailbox === undefined || section === undefined || uid < 1 || uid > numberMax) return undefined;
  return {
    mailbox: mailbox.toUpperCase() === 'INBOX' ? 'INBOX' : mailbox.normalize('NFC'),
    uid,
    section,
    ...(uidValidity === undefined ? {} : { uidValidity }),
    ...(found[5] === undefined
      ? {}
      : {
          partial: { start: Number(found[5]), length: found[6] === undefined ? numberMax : Number(found[6]) },
        }),
  };
}

function parseSection(text: string | undefined): Section | undefined {
  if (text === undefined) return undefined;
  const cursor = new Cursor({ texts: [`[${text}]`], literals: [] });
  try {
    const section = readSection(cursor);
    cursor.end();
    return section;
  } catch (error) {
    if (error instanceof SyntaxFault) return undefined;
    throw error;
  }
}

/** Undoes the percent signs; the octets behind them are UTF-8. */
function unescapePart(text: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  const octets = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const name = textOf(octets);
  return name === undefined || /[\u0000\r\n]/.test(name) ? undefined : name;
}
