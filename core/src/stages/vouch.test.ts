import { afterEach, describe, it } from 'vitest';
import { directoryMemory } from '../memory/directory-memory.js';
import { definePlugin } from '../plugin/define.js';
import { Directory } from '../services/directory.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';

let server: TestMta | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const moody = definePlugin({
  name: 'moody',
  needs: { directory: Directory },
  setup({ services: { directory } }) {
    const byLogin = directory.byLogin?.bind(directory);
    directory.byLogin = async (login, signal) => {
      if (login === 'down@here.test') throw new Error('down');
      const account = await byLogin?.(login, signal);
      return account?.login === 'gone@here.test' ? { ...account, isDisabled: true } : account;
    };
  },
});

async function play(script: string): Promise<void> {
  const password = 'wonderland';
  server = await startTestMta({
    plugins: [
      directoryMemory({
        accounts: [
          { address: 'alice@here.test', password },
          { address: 'gone@here.test', password },
        ],
      }),
      moody(),
    ],
    listeners: [
      { name: 'in', host: '127.0.0.1', port: 0, role: 'submission', tls: 'none', xclientFrom: ['127.0.0.1'] },
    ],
  });
  await playDialogue({ port: server.port('in') }, `S: 220 ...\n${script}`);
}

describe('a login that a trusted proxy vouches for', () => {
  it('counts as one, for that account and no other', async () => {
    await play(`C: XCLIENT ADDR=192.0.2.1 LOGIN=alice@here.test
      S: 220 ...
      C: EHLO client.test
      S: ...
      S: 250 ...
      C: MAIL FROM:<eve@here.test>
      S: 553 5.7.1 ...
      C: MAIL FROM:<alice@here.test>
      S: 250 ...`);
  });

  it.each(['nobody@here.test', 'gone@here.test'])(
    'is refused for %s, and the proxy stays who it is',
    async (login) => {
      await play(`C: XCLIENT ADDR=192.0.2.1 LOGIN=${login}
      S: 535 5.7.8 ...
      C: XCLIENT ADDR=192.0.2.1
      S: 220 ...
      C: EHLO client.test
      S: ...
      S: 250 ...
      C: MAIL FROM:<alice@here.test>
      S: 530 5.7.0 ...`);
    },
  );

  it('is deferred when the directory can not tell', async () => {
    await play(`C: XCLIENT LOGIN=down@here.test
      S: 451 4.3.0 ...`);
  });

  it('is no login where it is not available', async () => {
    await play(`C: XCLIENT ADDR=192.0.2.1 LOGIN=[UNAVAILABLE]
      S: 220 ...
      C: EHLO client.test
      S: ...
      S: 250 ...
      C: MAIL FROM:<alice@here.test>
      S: 530 5.7.0 ...`);
  });
});
