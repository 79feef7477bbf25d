/** What would come twice, or go where it must not, if somebody were not careful. */
import { describe, expect, test } from 'vitest';
import { parseCapabilities } from '../src/client/capabilities.js';
import { recipientCommand } from '../src/client/commands.js';
import { harness, mx, serve, smtp, told } from './scene.js';
import { polite } from './scripted-server.js';

const two = {
  mx: async () => ['a', 'b'].map((name) => ({ preference: 5, exchange: `${name}.example.net` })),
};
const count = (server: { readonly lines: readonly string[] }, verb: string) =>
  server.lines.filter((line) => line.startsWith(verb)).length;

describe('a message', () => {
  test.each([[['PIPELINING']], [['PIPELINING', 'CHUNKING']], [[]]])(
    'of which nobody knows whether it was taken is given to nobody else (offers %s)',
    async (offers) => {
      const server = await serve(async (peer, index) => {
        const final = () => {
          peer.socket.destroy();
          return [];
        };
        await polite({ offers, final })(peer, index);
      });
      const report = await harness({ port: server.port, resolver: two }).deliver(mx);
      expect(told(report)[0]).toMatch(/^deferred 451 4\.4\.2 the connection was lost before/);
      expect(server.connections).toBe(1);
    },
  );

  test('waits for a host that may come back, though another will never take it', async () => {
    const resolver = {
      mx: async () => [
        { preference: 5, exchange: 'away.example.net' },
        { preference: 10, exchange: 'wrong.example.net' },
      ],
      addresses: async (name: string) => (name === 'away.example.net' ? ['127.0.0.1'] : []),
    };
    const server = await serve(async (peer) => void peer.socket.end());
    const [said = ''] = told(await harness({ port: server.port, resolver }).deliver(mx));
    expect(said).toMatch(/^deferred 451 /);
  });

  test('is offered to a few hosts only, when none of them wants it now', async () => {
    const answer = (line: string) => (line.startsWith('RCPT') ? '450 4.2.1 later' : undefined);
    const server = await serve(polite({ answer }));
    const hosts = ['a', 'b', 'c', 'd', 'e'].map((name) => ({
      preference: 5,
      exchange: `${name}.example.net`,
    }));
    const { deliver } = harness({ port: server.port, resolver: { mx: async () => hosts }, sessionsMax: 3 });
    expect(told(await deliver(mx))).toEqual(['deferred 450 4.2.1 later']);
    expect(server.connections).toBe(3);
  });

  test('that all recipients are too many for is not tried for ever', async () => {
    const answer = (line: string) => (line.startsWith('RCPT') ? '452 4.5.3 too many' : undefined);
    const server = await serve(polite({ answer }));
    const to = ['a@example.net', 'b@example.net'];
    expect(told(await harness().deliver(smtp(server), { to }))).toEqual([
      'deferred 452 4.5.3 too many',
      'deferred 452 4.5.3 too many',
    ]);
    expect(count(server, 'MAIL')).toBe(1);
  });

  test.each([[['PIPELINING', 'CHUNKING']], [[]]])(
    'begins anew on a connection where nobody was accepted before (offers %s)',
    async (offers) => {
      const answer = (line: string) => (line.includes('<gone@') ? '550 5.1.1 no such user' : undefined);
      const server = await serve(polite({ offers, answer }));
      const { deliver } = harness();
      await deliver(smtp(server), { to: ['gone@example.net'] });
      expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
      expect(server.connections).toBe(1);
      const second = server.lines.lastIndexOf('RSET');
      expect(server.lines[second + 1]).toMatch(/^MAIL/);
    },
  );

  test('that is refused while it is sent is refused for good', async () => {
    const answer = (line: string) => (line === 'DATA' ? '354 go\r\n552 5.3.4 too much' : undefined);
    const server = await serve(polite({ answer }));
    expect(told(await harness().deliver(smtp(server)))).toEqual(['failed 552 5.3.4 too much']);
  });

  test('is not sent again without TLS where a server refuses for another reason', async () => {
    const server = await serve(async (peer) => peer.say('554 5.3.2 no mail here'));
    await harness().deliver(smtp(server));
    expect(server.connections).toBe(1);
  });

  test('in UTF-8 goes to nobody who does not take it', async () => {
    const server = await serve(polite());
    const { deliver } = harness();
    const from = { localPart: 'jürgen', domain: 'example.org' };
    expect(told(await deliver(smtp(server), { from }))).toEqual([
      'failed 550 5.6.7 the next server does not take UTF-8 addresses',
    ]);
    const header = { content: 'Subject: ü\r\n\r\nx\r\n', parameters: { smtpUtf8: true } };
    expect(told(await deliver(smtp(server), header))).toEqual([
      'failed 550 5.6.7 the next server does not take UTF-8 header fields',
    ]);
    expect(server.messages).toEqual([]);
  });
});

test('an original recipient that is none is not passed on', () => {
  const address = { localPart: 'bob', domain: 'example.net' };
  const offered = parseCapabilities(['mx', 'DSN']);
  for (const orcpt of ['nothing', ';x', 'rfc822 x\r\nRSET;bob@example.net'])
    expect(recipientCommand({ address, orcpt }, false, offered)).toBe('RCPT TO:<bob@example.net>');
  expect(recipientCommand({ address, orcpt: 'rfc822;a\r\nRSET' }, false, offered)).toBe(
    'RCPT TO:<bob@example.net> ORCPT=rfc822;a+0D+0ARSET',
  );
});
