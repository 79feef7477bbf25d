/** What the server says it can do: only what works whole, and only when it can be used (RFC 9051 section 7.2.2). */
import type { Session } from './session.js';

const always = ['IMAP4rev1', 'IMAP4rev2', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE'];
const afterLogin = [
  'IDLE',
  'NOTIFY',
  'NAMESPACE',
  'CHILDREN',
  'UIDPLUS',
  'UNSELECT',
  'MOVE',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'STATUS=SIZE',
  'CONDSTORE',
  'QRESYNC',
  'ESEARCH',
  'SEARCHRES',
  'SEARCH=FUZZY',
  'MULTISEARCH',
  'CONTEXT=SEARCH',
  'WITHIN',
  'MULTIAPPEND',
  'PARTIAL',
  'SORT',
  'SORT=DISPLAY',
  'ESORT',
  'THREAD=ORDEREDSUBJECT',
  'THREAD=REFERENCES',
  'I18NLEVEL=1',
  'BINARY',
  'PREVIEW',
  'REPLACE',
  'CATENATE',
  'URL-PARTIAL',
  'UIDONLY',
  'UNAUTHENTICATE',
  'INPROGRESS',
  'OBJECTID',
  'SAVEDATE',
  'QUOTA',
  'QUOTA=RES-STORAGE',
  'UTF8=ACCEPT',
];

/** The capabilities in the state the session is in. */
export function capabilities(session: Session): string {
  const list = [...always];
  if (session.accountId === undefined) {
    if (session.mayStartTls) list.push('STARTTLS');
    const mechanisms = session.server.authenticator.mechanisms(session.connection);
    if (session.mayLogIn) list.push(...mechanisms.map((name) => `AUTH=${name}`));
    else list.push('LOGINDISABLED');
  } else {
    list.push(...afterLogin, `APPENDLIMIT=${session.server.limits.messageOctetsMax}`);
    const { messagesPerCommandMax, messagesPerSaveMax } = session.server.limits;
    if (messagesPerCommandMax !== undefined) list.push(`MESSAGELIMIT=${messagesPerCommandMax}`);
    else if (messagesPerSaveMax !== undefined) list.push(`SAVELIMIT=${messagesPerSaveMax}`);
    if (session.server.hasShares) list.push('ACL', 'RIGHTS=texk');
    if (session.server.hasAnnotations) list.push('METADATA', 'LIST-METADATA');
    if (!session.wire.isCompressed) list.push('COMPRESS=DEFLATE');
  }
  return list.join(' ');
}
