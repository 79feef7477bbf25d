/** Receivers that a file of dialogues plays with, each for one test. */
import { playDialogue } from './dialogue.js';
import { startTestReceiver, type TestReceiver, type TestReceiverOptions } from './test-receiver.js';

/** What a client says first, and is told. */
export const hello = `
  S: 220 ...
  C: EHLO client.example
  S: ...
  S: 250 ...
`;

/** The receivers of a file; who makes them closes them with an `afterEach`. */
export interface PlayedReceivers {
  /** Opens a receiver. */
  start(options?: TestReceiverOptions): Promise<TestReceiver>;
  /** Opens a receiver and plays one dialogue with it. */
  play(script: string, options?: TestReceiverOptions): Promise<TestReceiver>;
  close(): Promise<void>;
}

/** Keeps in mind what it opens. */
export function createPlayedReceivers(): PlayedReceivers {
  let opened: TestReceiver[] = [];
  const start = async (options: TestReceiverOptions = {}) => {
    const receiver = await startTestReceiver(options);
    opened.push(receiver);
    return receiver;
  };
  return {
    start,
    async play(script, options) {
      const receiver = await start(options);
      await playDialogue({ port: receiver.port }, script);
      return receiver;
    },
    async close() {
      const all = opened;
      opened = [];
      for (const receiver of all) await receiver.close();
    },
  };
}
