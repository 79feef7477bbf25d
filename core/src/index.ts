/** The public entry of `@postroad/core`: every public name is listed here. */
import 'reflect-metadata';

export type { Body, BodyFacts, ByteRange } from './body/body.js';
export { readBody } from './body/body.js';
export { cutInto } from './body/cut-into.js';
export { bodyFromFile, type FileBodyOptions } from './body/file-body.js';
export { bodyFromBytes } from './body/inline-body.js';
export { prefixedBody } from './body/prefixed-body.js';
export { createSlab, type Slab } from './body/slab.js';
export { createSpool, type OwnedSpool, type SpoolOptions } from './body/spool.js';
export { openStoredBody, type StoredBodyFacts } from './body/stored-body.js';
export { withHeaderSection } from './body/with-header.js';
export { type BoundedCache, type BoundedCacheOptions, boundedCache } from './cache.js';
export {
  type Config,
  type ConfigListener,
  type ConfigOptions,
  type ConfigPlugin,
  defineConfig,
  type NamedPlugin,
} from './config/define-config.js';
export type { ConfigIssue, KeyPath } from './config/issues.js';
export { configJsonSchema, type SchemaPlugin } from './config/json-schema.js';
export type { JsonSchema } from './config/known-keys.js';
export { type LoadedConfig, loadConfig } from './config/load-config.js';
export type { ConfiguredPlugin } from './config/resolve-plugins.js';
export type { Environment } from './config/substitute.js';
export {
  type DmarcDisposition,
  dmarcDisposition,
  messageAuthentication,
  pendingAuthentication,
} from './context/authentication-key.js';
export {
  type ChannelBindingType,
  type Connection,
  type ConnectionFacts,
  ConnectionState,
  type ListenerRole,
  type Protocol,
  type TlsChannel,
  type TlsFacts,
} from './context/connection.js';
export { judgement, type MessageScore, messageScore } from './context/judgement.js';
export { type Key, key, type Stateful } from './context/key.js';
export type { Message } from './context/message.js';
export { isStranger, isVouchedFor, notedFindings, noteFinding } from './context/noted-findings.js';
export { type Transaction, TransactionState } from './context/transaction.js';
export { type ControlClient, connectControl } from './control/client.js';
export { type Controlled, controlHandlers } from './control/handlers.js';
export type { ControlCall, ControlHandler } from './control/protocol.js';
export { type ControlServer, type ControlServerOptions, createControlServer } from './control/server.js';
export { inject, injectable } from './di/container.js';
export {
  type Needs,
  type OptionalNeed,
  optional,
  type ServicesOf,
  type Token,
  type TokenOptions,
  token,
} from './di/token.js';
export { type ErrorCode, errorCodes, isMailError, MailError, messageOf } from './errors.js';
export { isThenable } from './hooks/call.js';
export type { AnyHook, Decide, Gather, MaybePromise, Observe, Transform } from './hooks/kinds.js';
export {
  type Delivery,
  type DsnDraft,
  type DsnSubject,
  type EgressPolicy,
  type FilingAnswer,
  type FilingQuestion,
  type HookName,
  type HookOutcome,
  type HookRow,
  type HookTable,
  hookNames,
  hookTable,
  type LoginFailure,
  type RefiledEvent,
  type RefusedEvent,
  type ReportedEvent,
  type RetryAnswer,
  type RetryQuestion,
  type SettledEvent,
  type Stage,
  type StoredEvent,
  type TapFunction,
} from './hooks/table.js';
export { allRights, anyone, joinedRights, normaliseRights, sharesMax } from './mailbox/access-rights.js';
export {
  annotationLimits,
  annotationNotices,
  changedAnnotations,
  splitAnnotations,
} from './mailbox/annotations.js';
export { ChangeNotices } from './mailbox/change-notices.js';
export { delegateStore } from './mailbox/delegate-store.js';
export { EntryIndex, sortedUids } from './mailbox/entry-index.js';
export { changedFlags, KeywordSpelling, normaliseFlags } from './mailbox/flags.js';
export {
  lostSubscriptionsMax,
  withLostSubscription,
  withoutLostSubscription,
} from './mailbox/lost-subscriptions.js';
export {
  compareMailboxNames,
  defaultMailboxes,
  mailboxParents,
  normaliseMailboxName,
  requireMailboxName,
} from './mailbox/mailbox-name.js';
export { type ThreadReferences, threadReferences } from './mailbox/thread-references.js';
export { createMemoryCounters, type MemoryCountersOptions } from './memory/counters-memory.js';
export {
  createDirectoryMemory,
  type DirectoryMemoryOptions,
  directoryMemory,
  type MemoryAccount,
} from './memory/directory-memory.js';
export { createStoreMemory } from './memory/mailbox-store-memory.js';
export { createMemoryQueueStore } from './memory/memory-queue-store.js';
export { queueMemory } from './memory/queue-memory.js';
export { storeMemory } from './memory/store-memory.js';
export type { StoreMemoryOptions } from './memory/store-memory-options.js';
export { parseAddressList } from './mime/address-list.js';
export { type Conversion, type ConversionWish, planConversion } from './mime/convert/conversion.js';
export { type ChunkDecoder, charsetDecoder, decodeHeaderValue, transferDecoder } from './mime/decode-text.js';
export { createDkimBodyHash, type DkimBodyHash, type DkimCanonicalization } from './mime/dkim-body-hash.js';
export {
  canonicalField,
  foldSignature,
  formatTags,
  type HeaderSelection,
  type SignedField,
  selectFields,
  signedFields,
} from './mime/dkim-header.js';
export { dkimAlgorithm, type SignatureOptions, signField, signOctets } from './mime/dkim-sign.js';
export { foldText } from './mime/fold-text.js';
export { containsText, foldedTexts, headerText, type TextPiece } from './mime/message-text.js';
export { type ParsedMessage, parseStructure } from './mime/parse-structure.js';
export { readReport } from './mime/read-report.js';
export type {
  EnvelopeAddress,
  MessageEnvelope,
  MessageStructure,
  MimeParameters,
  MimePart,
} from './mime/structure.js';
export { structureLimits } from './mime/structure-limits.js';
export { structureOf } from './mime/structure-of.js';
export { createMta, type Mta } from './mta.js';
export {
  type LimitRule,
  type ListenerOptions,
  listener,
  type MtaOptions,
  type QueueOptions,
  type RateOption,
  type ReplyRule,
  type SiteRule,
  type TlsOptions,
} from './mta-options.js';
export {
  type ApplicationPassword,
  findApplicationPassword,
  newApplicationPassword,
} from './passwords/application-password.js';
export { createEqualTimes, type EqualTimes } from './passwords/equal-times.js';
export { type KeptPassword, readKeptPassword } from './passwords/schemes.js';
export { createVerifiedLogins, type VerifiedLogins } from './passwords/verified-logins.js';
export {
  createPasswordVerifier,
  hashPassword,
  type PasswordCheck,
  type PasswordVerifier,
  type PasswordVerifierOptions,
  preparePassword,
} from './passwords/verifier.js';
export {
  type KeptLogin,
  type LoginCheck,
  loginByApplicationPassword,
  verifyLogin,
} from './passwords/verify-login.js';
export { createFailOver, type FailOver, type FailOverOptions, withDeadline } from './peers/fail-over.js';
export { formatPeerAddress, type PeerAddress, parsePeerAddress } from './peers/peer-address.js';
export { lookUpWith, type OpenPeerOptions, openPeer, type PeerConnection } from './peers/peer-connection.js';
export {
  accountCommands,
  applicationPasswordCommands,
  type OpenAccounts,
  type OpenApplicationPasswords,
} from './plugin/account-commands.js';
export { type AccountEditor, type NewAccount, newAccountId } from './plugin/account-editor.js';
export type { CommandArgument, CommandContext, CommandTerminal, PluginCommand } from './plugin/command.js';
export {
  definePlugin,
  isPlugin,
  type MigrationContext,
  type Plugin,
  type PluginDefinition,
  type PluginSetup,
  type PluginUse,
  type ServiceClass,
  type TapOptions,
} from './plugin/define.js';
export { createModuleLoader, type ModuleExports, type ModuleLoader } from './plugin/load.js';
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
} from './plugin/standard-schema.js';
export { decodeInitialResponse, decodeResponse, encodeChallenge } from './sasl/base64.js';
export { makeScramKeys, type ScramOptions } from './sasl/make-scram-keys.js';
export { deriveScramKeys, formatScramKeys, parseScramKeys } from './sasl/scram-keys.js';
export type { ExplainedHook, ExplainedTap, Explanation } from './server/explain.js';
export type { MtaServices } from './server/house.js';
export type { TrialReport, TrialRequest, TrialStep } from './server/try-message.js';
export { type AddressTest, createAddressTest } from './services/address-test.js';
export {
  type AuthenticationResult,
  Authenticator,
  type SaslExchange,
  type SaslStep,
} from './services/authenticator.js';
export { BearerTokens } from './services/bearer-tokens.js';
export { Bodies } from './services/bodies.js';
export { Certificates } from './services/certificates.js';
export { Changes, type ChangesListener } from './services/changes.js';
export { chooseByName, type Named } from './services/choose-certificate.js';
export { Clock, type Timer } from './services/clock.js';
export { type CounterEntry, type CounterRate, Counters, type RateAnswer } from './services/counters.js';
export { Directory, type ScramDirectory, type ScramHash, type ScramKeys } from './services/directory.js';
export { type DkimKeyRecord, DkimKeys } from './services/dkim-keys.js';
export { createResolver, type ResolverOptions } from './services/dns-resolver.js';
export {
  type ClientSocket,
  Listeners,
  type ListenerTls,
  type ListenOptions,
  type OpenListener,
} from './services/listeners.js';
export { type LogFields, Logger } from './services/logger.js';
export { createLoginFailures, LoginFailures } from './services/login-failures.js';
export {
  type AnnotationPlace,
  type ChangeNotice,
  type Copied,
  type Filed,
  type Filing,
  type FlagChange,
  type FlagsChanged,
  type Mailbox,
  type MailboxChanges,
  type MailboxEntry,
  MailboxStore,
  type NewMessage,
  type QuotaUse,
  type SharedMailbox,
  type SpecialUse,
  type StoredMessage,
} from './services/mailbox-store.js';
export { type HistoryRecord, MessageHistory } from './services/message-history.js';
export { type Counter, type Gauge, type MetricSample, Metrics } from './services/metrics.js';
export { Outbox, type OutboxEvent, type OutboxSubscription } from './services/outbox.js';
export {
  type AddressResolution,
  type ExportedQueue,
  type ImportedQueue,
  type MessageTrace,
  Queue,
  type Suspension,
  type SuspensionTarget,
  type TraceEntry,
} from './services/queue.js';
export {
  type Lease,
  type LeaseRequest,
  type MessageOrigin,
  type NewQueuedMessage,
  type NewQueuedRecipient,
  type QueueChange,
  type QueueCounts,
  type QueuedMessage,
  type QueuedRecipient,
  type QueueFilter,
  type QueuePage,
  type QueueRecovery,
  QueueStore,
  type RecipientState,
  type SettledLease,
  type Settlement,
} from './services/queue-store.js';
export { Random } from './services/random.js';
export { Reports } from './services/reports.js';
export { type ChangedMessage, Resigner } from './services/resigner.js';
export {
  type DnssecResolver,
  type MxRecord,
  Resolver,
  type SrvRecord,
  type TlsaRecord,
  type Vouched,
} from './services/resolver.js';
export { type CertificateFiles, ensureSelfSigned } from './services/self-signed-certificate.js';
export { type BodyWriter, Spool } from './services/spool.js';
export { Submission, type SubmitContent, type SubmitEnvelope } from './services/submission.js';
export { systemClock } from './services/system-clock.js';
export { type TlsProfile, tlsProfileOptions } from './services/tls-profile.js';
export { type FindPage, WellKnownPages } from './services/well-known-pages.js';
export { Worker } from './services/worker.js';
export { createReceiver } from './smtp/create-receiver.js';
export { type ChunkTaker, createReadBuffer, readSocket } from './smtp/read-socket.js';
export {
  type BeginAnswer,
  defaultReceiverLimits,
  type Receiver,
  type ReceiverAnswer,
  type ReceiverLimits,
  type ReceiverOptions,
  type ReceiverPolicy,
} from './smtp/receiver.js';
export { parseRecipient } from './smtp/recipient-parameters.js';
export { type FilteredMessage, matchesFilter, tenantOf } from './stages/queue/matches-filter.js';
export { openedQueueStore } from './stages/queue/opened-queue-store.js';
export {
  changedRecipient,
  ignoredAdditions,
  isSettledBy,
  leasedRecipient,
  newRecipient,
  recoveredRecipient,
  settledRecipient,
} from './stages/queue/recipient-transitions.js';
export { textualBody } from './stages/textual-body.js';
export { type AccountRecord, addressQuestion, readAccountRecord } from './values/account-record.js';
export {
  accountIdPattern,
  applicationPasswordsMax,
  isApplicationName,
  isLogin,
  loginKey,
  parseQuota,
  protocolPattern,
} from './values/account-rules.js';
export {
  addressKey,
  domainKey,
  formatAddress,
  formatReversePath,
  isInternationalAddress,
  isSameAddress,
  type MailAddress,
  type ParsedPath,
  parseAddress,
  parseDomain,
  parsePath,
  type ReversePath,
} from './values/address.js';
export {
  formatAuthenticationResults,
  type MethodResult,
  type ParsedAuthenticationResults,
  parseAuthenticationResults,
} from './values/authentication-results.js';
export { type BounceClass, classifyBounce } from './values/bounce-class.js';
export { editHeader, type HeaderEdit } from './values/edit-header.js';
export {
  type BodyType,
  type DeliverBy,
  defaultEnvelopeParameters,
  type Envelope,
  type EnvelopeParameters,
  type EnvelopeRecipient,
  type Notify,
  type NotifyEvent,
} from './values/envelope.js';
export { type Finding, methodResult } from './values/finding.js';
export {
  type HeaderField,
  type HeaderPrefix,
  type HeaderSection,
  headerField,
  type NewHeaderField,
  parseHeader,
  renderHeaderPrefix,
} from './values/header.js';
export type {
  Account,
  BearerCredentials,
  CertificateCredentials,
  ClientCertificate,
  CommonCredentials,
  Credentials,
  Identity,
  PasswordCredentials,
  ScramCredentials,
} from './values/identity.js';
export type {
  ArcResult,
  DkimResult,
  DmarcPolicy,
  DmarcResult,
  IprevResult,
  MessageAuthentication,
  SpfResult,
} from './values/message-authentication.js';
export { type NetworkBits, networkOf, plainAddress } from './values/network.js';
export type { ReceivedReport, ReportedComplaint, ReportedRecipient } from './values/received-report.js';
export { enhancedStatus, formatReply, isPermanent, isTransient, type Reply, reply } from './values/reply.js';
export type { DeliveryReport, RecipientOutcome, RemoteHost, TlsSessionResult } from './values/report.js';
export {
  type CustomRoute,
  type HostRoute,
  type LocalRoute,
  type MxRoute,
  type Route,
  type RoutedRecipient,
  siteOf,
  type TlsPolicy,
} from './values/route.js';
export {
  type Accept,
  type Attributed,
  accept,
  type Defer,
  type DeferIfAccepted,
  type Discard,
  type Disconnect,
  defer,
  deferIfAccepted,
  discard,
  disconnect,
  type Grounds,
  isRefusal,
  type Quarantine,
  quarantine,
  type RecipientVerdict,
  type Refusal,
  type Reject,
  reject,
  type Verdict,
} from './values/verdict.js';
export { coreVersion } from './version.js';
