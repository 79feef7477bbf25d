/** Dates: IMAP's own (RFC 9051 section 9, `date` and `date-time`) and that of header fields (RFC 5322 section 3.3). */
import { type Cursor, SyntaxFault } from './cursor.js';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const dayMs = 86_400_000;
const dateTimePattern = /^([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const datePattern = /"?(\d{1,2})-([A-Za-z]{3})-(\d{4})"?/y;
const headerDatePattern =
  /(?:^|[\s,])(\d{1,2})[ -]+([A-Za-z]{3})[A-Za-z]*[ -]+(\d{2,4})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([+-]\d{4}|[A-Za-z]{1,5}))?)?/;
/** RFC 5322 section 4.3; other letters mean an unknown zone and count as +0000. */
const zoneHours: Readonly<Record<string, number>> = {
  EDT: -4,
  EST: -5,
  CDT: -5,
  CST: -6,
  MDT: -6,
  MST: -7,
  PDT: -7,
  PST: -8,
};

/** INTERNALDATE as IMAP writes it, in UTC. Years outside 0000 to 9999 are moved to the nearest one. */
export function formatDateTime(atMs: number): string {
  const bounded = Math.min(Math.max(atMs, -62_167_219_200_000), 253_402_300_799_000);
  const day = Math.floor(bounded / dayMs);
  const second = Math.floor((bounded - day * dayMs) / 1000);
  const time = `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`;
  return `"${dayText(day)} ${time} +0000"`;
}

/** Neighbouring messages are often of one day. */
let lastDay = { day: 0, text: ' 1-Jan-1970' };

function dayText(day: number): string {
  if (lastDay.day === day) return lastDay.text;
  const date = new Date(day * dayMs);
  const number = String(date.getUTCDate()).padStart(2, ' ');
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  lastDay = { day, text: `${number}-${months[date.getUTCMonth()]}-${year}` };
  return lastDay.text;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

/** Reads a date-time; throws when there is no such moment. */
export function readDateTime(cursor: Cursor): number {
  const atMs = parseDateTime(cursor.string());
  if (atMs === undefined) throw new SyntaxFault('the date is not valid');
  return atMs;
}

/** Milliseconds of `17-Jul-1996 02:44:25 -0700`; `undefined` when there is no such moment. */
export function parseDateTime(text: string): number | undefined {
  const found = dateTimePattern.exec(text);
  if (found === null) return undefined;
  const day = dayNumber(Number(found[3]), found[2] as string, Number(found[1]));
  const [hours, minutes, seconds] = [Number(found[4]), Number(found[5]), Number(found[6])];
  const [zoneHour, zoneMinute] = [Number(found[8]), Number(found[9])];
  if (day === undefined || hours > 23 || minutes > 59 || seconds > 60 || zoneHour > 23 || zoneMinute > 59) {
    return undefined;
  }
  const offset = (zoneHour * 60 + zoneMinute) * (found[7] === '-' ? -1 : 1);
  return day * dayMs + ((hours * 60 + minutes - offset) * 60 + seconds) * 1000;
}

/** Reads a date of a search key as days since 1970-01-01. */
export function readDate(cursor: Cursor): number {
  const text = cursor.tryMatch(datePattern);
  datePattern.lastIndex = 0;
  const found = text === undefined ? null : datePattern.exec(text);
  datePattern.lastIndex = 0;
  const isQuotePaired = text !== undefined && text.startsWith('"') === text.endsWith('"');
  const day =
    found === null || !isQuotePaired
      ? undefined
      : dayNumber(Number(found[3]), found[2] as string, Number(found[1]));
  if (day === undefined) throw new SyntaxFault('the date is not valid');
  return day;
}

/** The day of a moment in UTC, as days since 1970-01-01. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / dayMs);
}

/** What a Date field says: the moment, and the day as written there, without time and zone. */
export interface HeaderDate {
  readonly atMs: number;
  readonly day: number;
}

/** Reads a Date field as leniently as mail needs; `undefined` when no date can be seen in it. */
export function parseHeaderDate(value: string): HeaderDate | undefined {
  const found = headerDatePattern.exec(value.length > 200 ? value.slice(0, 200) : value);
  if (found === null) return undefined;
  const day = dayNumber(fullYear(found[3] as string), found[2] as string, Number(found[1]));
  if (day === undefined) return undefined;
  const [hours, minutes, seconds] = [Number(found[4] ?? 0), Number(found[5] ?? 0), Number(found[6] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 60) return { atMs: day * dayMs, day };
  const offset = zoneMinutes(found[7]);
  return { atMs: day * dayMs + ((hours * 60 + minutes - offset) * 60 + seconds) * 1000, day };
}

function dayNumber(year: number, monthName: string, day: number): number | undefined {
  const month = months.findIndex((name) => name.toLowerCase() === monthName.toLowerCase());
  if (month < 0 || day < 1) return undefined;
  const date = new Date(Date.UTC(2000, month, day));
  // Years below 100 mean themselves here, not the 20th century.
  date.setUTCFullYear(year, month, day);
  return date.getUTCMonth() === month && date.getUTCDate() === day ? date.getTime() / dayMs : undefined;
}

/** RFC 5322 section 4.3: two-digit years below 50 are of this century, three-digit ones count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return digits.length === 3 ? 1900 + year : year;
}

function zoneMinutes(zone: string | undefined): number {
  if (zone === undefined) return 0;
  if (zone[0] !== '+' && zone[0] !== '-') return (zoneHours[zone.toUpperCase()] ?? 0) * 60;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3, 5));
  return zone[0] === '-' ? -minutes : minutes;
}
