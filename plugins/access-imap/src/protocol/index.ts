/** The IMAP protocol engine: parsing and writing, without I/O. Usable without the rest of Postroad. */
export { type BaseSubject, baseSubject } from './base-subject.js';
export { writeBodyStructure } from './body-structure.js';
export type {
  AppendCommand,
  AppendMessage,
  AppendPart,
  AuthenticateCommand,
  Command,
  CommandName,
  CompressCommand,
  CopyCommand,
  CreateCommand,
  EnableCommand,
  ExpungeCommand,
  FetchCommand,
  GetQuotaCommand,
  IdCommand,
  ListCommand,
  LoginCommand,
  MailboxCommand,
  PlainCommand,
  QresyncParameters,
  RenameCommand,
  ReplaceCommand,
  SearchCommand,
  SelectCommand,
  SortCommand,
  SortCriterion,
  StatusCommand,
  StatusItem,
  StoreCommand,
  ThreadCommand,
} from './command.js';
export { CommandReader } from './command-reader.js';
export { dayOf, formatDateTime, type HeaderDate, parseDateTime, parseHeaderDate } from './dates.js';
export { writeEnvelope } from './envelope.js';
export type {
  AccessCommand,
  CancelUpdateCommand,
  GetMetadataCommand,
  MetadataDepth,
  MultiSearchCommand,
  NotifyCommand,
  NotifyEvent,
  NotifyGroup,
  SetAccessCommand,
  SetMetadataCommand,
} from './extension-commands.js';
export { type FetchItem, formatSection, type Partial, type Section } from './fetch-items.js';
export { hierarchySeparator, listMatcher } from './list-pattern.js';
export type { MailboxFilter } from './mailbox-filter.js';
export { decodeMailboxName, encodeMailboxName, mailboxOctets, type NameEncoding } from './mailbox-name.js';
export { type MessageUrl, parseMessageUrl } from './message-url.js';
export { isAscii, octetsOf, textOf } from './octets.js';
export {
  type LiteralPurpose,
  literalPurpose,
  type ParsedCommand,
  parseCommand,
} from './parse-command.js';
export type { ParseOptions } from './parse-options.js';
export type { Literal, LiteralEvent, RawCommand, ReaderEvent, ReaderLimits } from './reader-events.js';
export { type DateRelation, type SearchKey, usesKey, usesSequenceNumbers } from './search-program.js';
export type { PartialRange, ReturnOption, SearchReturn } from './search-return.js';
export { cutRange, findPart, type SectionRange, sectionRange, selectFields } from './section.js';
export {
  formatSet,
  isInRanges,
  type MessageSet,
  normalizeRanges,
  parseRanges,
  type Ranges,
} from './sequence-set.js';
export { type ThreadMessage, threadByReferences, threadBySubject } from './thread.js';
export { type StringOptions, writeAstring, writeNString, writeOctets, writeString } from './write-string.js';
