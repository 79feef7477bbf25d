import { createServer, type Server, type Socket } from 'node:net';
import { bodyFromBytes, Clock, definePlugin, Resolver, Spool } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { afterEach, expect, it } from 'vitest';
import { askRspamd } from './ask-rspamd.js';
import { createConnections } from './connections.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const json = JSON.stringify({ action: 'no action', score: 1 });
const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${json.length}\r\n\r\n${json}`;

/** Tells `heard` of each whole request, with the number of its connection and of the request on it. */
async function serve(heard: (socket: Socket, connection: number, request: number) => void): Promise<string> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const connection = ++connections;
    let requests = 0;
    let text = '';
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!text.endsWith('the end\r\n')) return;
      text = '';
      heard(socket, connection, ++requests);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function asker(server: string) {
  let parts: { resolver: Resolver; spool: Spool } | undefined;
  const take = definePlugin({
    name: 'test-take',
    needs: { resolver: Resolver, spool: Spool, clock: Clock },
    setup({ services }) {
      parts = services;
    },
  });
  const mta = await startTestMta({ plugins: [take()] });
  closing.push(() => mta.stop());
  const connections = createConnections((close) => void closing.push(close));
  const body = bodyFromBytes(Buffer.from('Subject: a\r\n\r\nthe end\r\n'));
  const fields = { 'content-length': String(body.sizeBytes) };
  const of = parts as unknown as { resolver: Resolver; spool: Spool };
  return (signal = new AbortController().signal) =>
    askRspamd({ server, fields, body, ...of, rewrittenOctetsMax: 1_000, connections, signal });
}

it('asks again on the same connection where the server keeps it', async () => {
  const heard: string[] = [];
  const ask = await asker(
    await serve((socket, connection, request) => {
      heard.push(`${connection}/${request}`);
      socket.write(answer);
    }),
  );
  for (let times = 0; times < 3; times++) expect((await ask()).answer.score).toBe(1);
  expect(heard).toEqual(['1/1', '1/2', '1/3']);
});

it('asks once more on a fresh connection when the kept one was gone, and not when a fresh one fails', async () => {
  const heard: string[] = [];
  const ask = await asker(
    await serve((socket, connection, request) => {
      heard.push(`${connection}/${request}`);
      if (request > 1 || connection > 2) socket.destroy();
      else socket.write(answer);
    }),
  );
  await ask();
  expect((await ask()).answer.score).toBe(1);
  expect(heard).toEqual(['1/1', '1/2', '2/1']);
  await expect(ask()).rejects.toMatchObject({ code: 'E_PEER' });
  expect(heard.at(-1)).toMatch(/^[34]\/1$/);
  const asked = heard.length;
  await expect(ask()).rejects.toMatchObject({ code: 'E_PEER' });
  expect(heard.length).toBe(asked + 1);
});

it('asks nobody again when the caller is not waiting any more', async () => {
  const heard: string[] = [];
  const caller = new AbortController();
  const ask = await asker(
    await serve((socket, connection, request) => {
      heard.push(`${connection}/${request}`);
      if (request === 1) socket.write(answer);
      else caller.abort(new Error('gone'));
    }),
  );
  await ask();
  await expect(ask(caller.signal)).rejects.toThrow('gone');
  expect(heard).toEqual(['1/1', '1/2']);
});
