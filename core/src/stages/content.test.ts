/** Rewriting a message by the `content` hook, through a whole server. */
import { describe, expect, it } from 'vitest';
import { type Body, readBody } from '../body/body.js';
import { withHeaderSection } from '../body/with-header.js';
import { definePlugin } from '../plugin/define.js';
import { Spool } from '../services/spool.js';
import { startTestMta } from '../testing/start-test-mta.js';
import { editHeader } from '../values/edit-header.js';
import { accept } from '../values/verdict.js';

const text = 'Subject: before\r\nAuthentication-Results: forged\r\n\r\nthe body\r\n';

function rewriting(seen: string[]) {
  return definePlugin({
    name: 'check-rewrite',
    needs: { spool: Spool },
    setup({ tap, services }) {
      tap('recipient', () => accept());
      tap('content', (_message, _findings, body) =>
        withHeaderSection(
          body,
          editHeader(body.headerBytes, [{ kind: 'remove', name: 'authentication-results' }]),
        ),
      );
      tap('content', async (message, _findings, body) => {
        const whole = (await readBody(body, 10_000)).toString();
        const changed = await services.spool.store(Buffer.from(whole.replace('the body', 'another body')));
        message.adopt(changed);
        return changed;
      });
      tap('header', async (message) => {
        seen.push((await readBody(message.body, 10_000)).toString());
        return undefined;
      });
    },
  })();
}

describe('the content hook', () => {
  it('rewrites header and body one after another; later hooks and the recipient see the result', async () => {
    const seen: string[] = [];
    const mta = await startTestMta({ plugins: [rewriting(seen)] });
    try {
      await mta.mta.submit({ reversePath: 'a@example.org', recipients: ['alice@example.org'] }, text);
      expect(seen).toEqual(['Subject: before\r\n\r\nanother body\r\n']);
    } finally {
      await mta.stop();
    }
  });

  it('defers when a tap throws', async () => {
    const plugin = definePlugin({
      name: 'check-broken',
      setup({ tap }) {
        tap('recipient', () => accept());
        tap('content', (): Body => {
          throw new Error('broken');
        });
      },
    })();
    const mta = await startTestMta({ plugins: [plugin] });
    try {
      await expect(
        mta.mta.submit({ reversePath: 'a@example.org', recipients: ['alice@example.org'] }, text),
      ).rejects.toMatchObject({ code: 'E_REFUSED', reply: { code: 451 } });
    } finally {
      await mta.stop();
    }
  });
});
