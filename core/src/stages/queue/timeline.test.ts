import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { createTimeline } from './timeline.js';

describe('the timelines in memory', () => {
  it('are of the latest messages, the newest first', async () => {
    const timeline = createTimeline(() => 7);
    for (let at = 0; at < 5_001; at++) timeline.begin(sampleMessage(`m${at}`, []), true);
    expect(await timeline.find('m0')).toEqual([]);
    expect(await timeline.find('m1')).toHaveLength(1);
    const found = await timeline.find('alice@example.org');
    expect(found).toHaveLength(100);
    expect(found.slice(0, 2).map(({ messageId }) => messageId)).toEqual(['m5000', 'm4999']);
  });

  it('begin once, and keep the beginning and the latest of a long story', async () => {
    const timeline = createTimeline(() => 7);
    const message = sampleMessage('m1', [], { quarantine: 'odd' });
    timeline.begin(message, true);
    for (let at = 0; at < 100; at++) timeline.note('m1', { event: 'deferred', detail: String(at) });
    timeline.begin(message, false);
    timeline.note('m1', { event: 'attempt', transcript: ['> QUIT'] });
    timeline.note('m2', { event: 'deferred' });
    const [trace] = await timeline.find('m1');
    expect(trace?.entries).toHaveLength(50);
    expect(trace?.entries.slice(0, 3).map(({ event, detail }) => [event, detail])).toEqual([
      ['queued', 'by esmtp from 127.0.0.1'],
      ['judged', 'marked: odd'],
      ['deferred', '53'],
    ]);
    expect(trace?.entries.at(-1)).toEqual({ atMs: 7, event: 'attempt', transcript: ['> QUIT'] });
    expect(await timeline.find('m2')).toEqual([]);
  });
});
