/** No password is told to a web service that can't prove who it is; the login is put off, not refused. */
import { createServer } from 'node:https';
import { systemClock } from '@postroad/core';
import { makeTestCertificate } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { createAsk } from '../src/ask.js';
import { createHttpDirectory } from '../src/directory.js';

test('a certificate that no known authority has signed is told nothing', async () => {
  const pair = await makeTestCertificate({ hostname: 'localhost' });
  let asked = 0;
  const server = createServer(pair, (_request, response) => {
    asked++;
    response.end('{}');
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  try {
    const url = `https://localhost:${(server.address() as { port: number }).port}/`;
    const ask = createAsk({ url, headers: {}, timeoutMs: 5_000, requestsMax: 1 });
    const login = createHttpDirectory(ask, systemClock).verifyPassword('alice@example.org', 'secret');
    await expect(login).rejects.toMatchObject({
      code: 'E_DIRECTORY',
      message: expect.stringContaining('self-signed'),
    });
    expect(asked).toBe(0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
