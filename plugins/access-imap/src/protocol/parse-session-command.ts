/** Reading commands about the connection: capabilities, login, ID, ENABLE, COMPRESS. */
import type {
  AuthenticateCommand,
  CompressCommand,
  EnableCommand,
  IdCommand,
  LoginCommand,
  PlainCommand,
} from './command.js';
import { type Cursor, SyntaxFault } from './cursor.js';
import { isAscii, textOf } from './octets.js';

/** RFC 2971 section 3.3. */
const idFieldsMax = 30;
const base64Pattern = /[A-Za-z0-9+/]*={0,2}/y;

/** A command that is only its name. */
export function plain(name: PlainCommand['name']): () => PlainCommand {
  const command = { name };
  return () => command;
}

/** `ID NIL` or `ID ("name" "value" ...)`. */
export function readId(cursor: Cursor): IdCommand {
  cursor.space();
  if (cursor.startsWith('NIL')) {
    cursor.atom();
    return { name: 'ID', fields: null };
  }
  const fields: [string, string | null][] = [];
  cursor.list(() => {
    if (fields.length >= idFieldsMax) throw new SyntaxFault('too many fields');
    const name = cursor.text();
    cursor.space();
    fields.push([name, cursor.nstring()]);
  }, true);
  return { name: 'ID', fields };
}

/** `ENABLE capability ...`. */
export function readEnable(cursor: Cursor): EnableCommand {
  const capabilities: string[] = [];
  do {
    cursor.space();
    capabilities.push(cursor.word());
  } while (!cursor.isAtEnd());
  return { name: 'ENABLE', capabilities };
}

/** `LOGIN name password`. */
export function readLogin(cursor: Cursor): LoginCommand {
  cursor.space();
  const login = readSecret(cursor);
  cursor.space();
  return { name: 'LOGIN', login, password: readSecret(cursor) };
}

/** `AUTHENTICATE mechanism [initial-response]`. */
export function readAuthenticate(cursor: Cursor): AuthenticateCommand {
  cursor.space();
  const mechanism = cursor.word();
  if (!cursor.skip(' ')) return { name: 'AUTHENTICATE', mechanism };
  const initialResponse = cursor.tryMatch(base64Pattern) ?? '';
  return { name: 'AUTHENTICATE', mechanism, initialResponse };
}

/** `COMPRESS mechanism`. */
export function readCompress(cursor: Cursor): CompressCommand {
  cursor.space();
  return { name: 'COMPRESS', mechanism: cursor.word() };
}

/** Names and passwords may hold octets that are not ASCII; those that are not UTF-8 stay as they are. */
function readSecret(cursor: Cursor): string {
  const octets = cursor.astring();
  return isAscii(octets) ? octets : (textOf(octets) ?? octets);
}
