/** No password is told to a web service that can't prove who it is; the login is put off, not refused. */
import { startDoubtfulServers } from '@postroad/core/testing';
import { expect, test } from 'vitest';

test('a service whose certificate is not believed is told nothing', { timeout: 120_000 }, async () => {
  await using servers = await startDoubtfulServers({ account: { login: 'alice@example.org' } });
  const built = (name: string) => JSON.stringify(new URL(`../dist/${name}.js`, import.meta.url).href);
  const said = await servers.run(`
    import { systemClock } from ${built('../node_modules/@postroad/core/dist/index')};
    import { createAsk } from ${built('ask')};
    import { createHttpDirectory } from ${built('directory')};
    const said = {};
    for (const [doubt, url] of Object.entries(${JSON.stringify(servers.urls)})) {
      const ask = createAsk({ url, headers: {}, timeoutMs: 20_000, requestsMax: 1 });
      const directory = createHttpDirectory(ask, systemClock);
      said[doubt] = await directory.verifyPassword('alice@example.org', 'secret').then(
        (account) => account.login,
        ({ code, message }) => code + ' ' + message,
      );
    }
    console.log(JSON.stringify(said));`);
  expect(said).toEqual({
    believed: 'alice@example.org',
    expired: expect.stringMatching(/^E_DIRECTORY .*expired/),
    'not valid yet': expect.stringMatching(/^E_DIRECTORY .*not yet valid/),
    'for another name': expect.stringMatching(/^E_DIRECTORY .*is not in the cert's list/),
    'of an unknown authority': expect.stringMatching(/^E_DIRECTORY .*self-signed/),
  });
  const { believed, ...others } = servers.asked;
  expect(believed).toHaveLength(1);
  expect(Object.values(others).flat()).toEqual([]);
});
