/** Milters that break the protocol, at any stage. */
import { expect, it } from 'vitest';
import { four, packet, type Script } from './scripted-milter.js';
import { atEnd, sendWith } from './send-through.js';

const cut = packet('h', 'X-A', 'b').subarray(0, 9);
const misbehaviours: Record<string, Script> = {
  'wants another version': { negotiation: { version: 7 } },
  'wants steps that were not offered': { negotiation: { steps: 0x800 } },
  'wants changes that were not offered': { negotiation: { actions: 0xfff } },
  'makes a change that was not agreed': {
    negotiation: { actions: 0 },
    answer: atEnd(packet('h', 'X-A', 'b'), packet('c')),
  },
  'adds a field that breaks out of its line': { answer: atEnd(packet('h', 'X A', 'b'), packet('c')) },
  'adds a recipient that is none': { answer: atEnd(packet('+', 'x y'), packet('c')) },
  'sends texts without an end': { answer: atEnd(packet('h', Buffer.from('abc')), packet('c')) },
  'gives a reply that is none': { answer: atEnd(packet('y', '200 fine')) },
  'answers with a letter that is none': { answer: atEnd(packet('z')) },
  'closes within a change': {
    answer: (letter, _data, socket) => {
      if (letter === 'E') socket.end(cut);
      return letter === 'E' ? [] : undefined;
    },
  },
  'is silent at the end': { answer: (letter) => (letter === 'E' ? [] : undefined) },
  'is silent at RCPT': { answer: (letter) => (letter === 'R' ? [] : undefined) },
  'sends a packet without a letter': { answer: atEnd(four(0)) },
  'sends a packet that is too long': { answer: atEnd(four(0x7fffffff)) },
};
it.each(Object.keys(misbehaviours))(
  'defers, or goes on by configuration, when the filter %s',
  async (name) => {
    const script = misbehaviours[name] as Script;
    const limits = { timeoutMs: 150, endTimeoutMs: 150 };
    expect((await sendWith(script, undefined, limits)).outcome).toMatch(/^451 /);
    const skipped = await sendWith(script, undefined, { ...limits, onError: 'skip' });
    expect(skipped.outcome).toMatch(/^250 /);
  },
);
