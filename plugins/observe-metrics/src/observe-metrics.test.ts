import { request } from 'node:http';
import { accept, definePlugin } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import { describe, expect, test } from 'vitest';
import { observeMetrics } from './observe-metrics.js';

const takesAll = definePlugin({
  name: 'check-nothing',
  setup({ tap, metrics }) {
    tap('recipient', () => accept());
    metrics
      .counter('odd_total', 'A name without our prefix,\nand a "label".', { what: 'a"b\\c' })
      .increase(3);
  },
});

function start(): Promise<TestMta> {
  return startTestMta({ plugins: [observeMetrics({ port: 0 }), takesAll()] });
}

async function ask(server: TestMta, path: string, method = 'GET') {
  const response = await fetch(`http://127.0.0.1:${server.port('metrics')}${path}`, { method });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

describe('observe-metrics', () => {
  test('publishes counters, the queue and the process', async () => {
    await using server = await start();
    const { status, type, text } = await ask(server, '/metrics');
    expect(status).toBe(200);
    expect(type).toContain('text/plain; version=0.0.4');
    expect(text).toContain('# TYPE postroad_odd_total counter\npostroad_odd_total{what="a\\"b\\\\c"} 3\n');
    expect(text).toContain('postroad_queue_recipients{state="waiting"} 0');
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    // The format has no line that is neither comment nor sample.
    for (const line of text.split('\n')) expect(line).toMatch(/^(#.*|[a-zA-Z_:][\w:]*(\{.*\})? \S+|)$/);
  });

  test('says that it is well, and refuses what it does not have', async () => {
    await using server = await start();
    expect(await ask(server, '/health')).toMatchObject({ status: 200, text: 'well\n' });
    expect(await ask(server, '/')).toMatchObject({ status: 404 });
    expect(await ask(server, '/metrics', 'POST')).toMatchObject({ status: 405 });
  });

  test('a connection that is kept open does not hold up a stop', async () => {
    await using server = await start();
    const kept = request({
      host: '127.0.0.1',
      port: server.port('metrics'),
      path: '/health',
      headers: { Connection: 'keep-alive' },
    });
    const closed = new Promise<void>((resolve) => {
      kept.on('socket', (socket) => socket.on('close', () => resolve()));
    });
    await new Promise<void>((resolve) => {
      kept.on('response', (response) => response.resume().on('end', () => resolve()));
      kept.end();
    });
    await server.stop();
    await closed;
  });
});
