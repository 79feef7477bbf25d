/** The second entry, `@postroad/core/testing`: what plugins are tested with. */
export { createMetrics as createTestMetrics } from '../services/metrics-registry.js';
export { compiledHooksOf } from './compiled-hooks.js';
export { countersContract, type OpenCounters } from './contracts/counters.js';
export { type ContractAccount, directoryContract, type OpenDirectory } from './contracts/directory.js';
export { filterContract, type OpenFilter } from './contracts/filter.js';
export {
  type MailboxStoreWish,
  mailboxStoreContract,
} from './contracts/mailbox-store.js';
export type { OpenMailboxStore } from './contracts/open-mailbox-store.js';
export { type OpenQueueStore, queueStoreContract } from './contracts/queue-store.js';
export { type DeafWire, openDeafWire } from './deaf-wire.js';
export { type DialogueTarget, playDialogue } from './dialogue.js';
export {
  type DnsEntry,
  type DnsFailure,
  type DnsServer,
  type DnsZones,
  startDnsServer,
} from './dns-server.js';
export { type Doubt, type DoubtfulServers, startDoubtfulServers } from './doubtful-servers.js';
export { expectNothingLeaked, filesUnder, lookAtOpenThings, type OpenThings } from './leaks.js';
export {
  freePort,
  missingProgram,
  type Program,
  type ProgramOptions,
  startProgram,
  temporaryDirectory,
} from './program.js';
export { sampleMessage } from './sample-message.js';
export { type ScriptedPeer, startScriptedPeer } from './scripted-peer.js';
export { createSeededRandom } from './seeded-random.js';
export { type SentAnswers, type SentMessage, sendMessage } from './send-message.js';
export { BrokenPromise } from './simulation/ledger.js';
export { type SimulationOptions, type SimulationResult, simulateQueue } from './simulation/simulate-queue.js';
export type { SimulatedProcess, SimulatedStorage } from './simulation/storage.js';
export { startTestDirectory, type TestDirectory } from './start-test-directory.js';
export {
  type LoggedLine,
  startTestMta,
  type TestMta,
  type TestMtaOptions,
} from './start-test-mta.js';
export { bodyNotInMemory } from './stored-body.js';
export { testAuthenticator } from './test-authenticator.js';
export { makeTestCertificate } from './test-certificate.js';
export {
  startTestReceiver,
  type TakenMessage,
  type TestReceiver,
  type TestReceiverOptions,
} from './test-receiver.js';
export { createVirtualClock, type VirtualClock } from './virtual-clock.js';
