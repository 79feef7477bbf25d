/** What a server forwards with SRS and ARC passes at the next one that trusts it, and only there. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { checkAuth } from '@postroad/check-auth';
import { checkDmarcPolicy } from '@postroad/check-dmarc-policy';
import {
  accept,
  definePlugin,
  type MessageAuthentication,
  messageAuthentication,
  type PluginUse,
  type Resolver,
  type Route,
} from '@postroad/core';
import { sendMessage, startTestMta, type TestMta, temporaryDirectory } from '@postroad/core/testing';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { routeSrs } from '@postroad/route-srs';
import { signArc } from '@postroad/sign-arc';
import { afterEach, expect, it } from 'vitest';

const servers: TestMta[] = [];
afterEach(async () => {
  for (const server of servers.splice(0).reverse()) await server.stop();
});

/** The sender proves itself by SPF alone, which no forwarder can hand on. */
const texts: Record<string, string> = {
  'sender.example': 'v=spf1 ip4:127.0.0.1 -all',
  '_dmarc.sender.example': 'v=DMARC1; p=reject',
  'forwarder.example': 'v=spf1 ip4:127.0.0.1 -all',
};
const none = async () => [];
const resolver: Resolver = {
  mx: none,
  names: none,
  addresses: async (name) => (isIPv4(name) ? [name] : []),
  txt: async (name) => [texts[name.toLowerCase()] ?? []].flat(),
};

async function start(routeOf: (domain: string) => Route, plugins: readonly PluginUse[]): Promise<TestMta> {
  const route = definePlugin({
    name: 'route-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, { address }) => routeOf(address.domain));
    },
  });
  const server = await startTestMta({ resolver, plugins: [checkAuth(), ...plugins, route()] });
  servers.push(server);
  return server;
}

/** The next hop; what it found out about each message that it took or refused. */
async function nextHop(trustedSealers: readonly string[]) {
  const found: [string, MessageAuthentication | undefined][] = [];
  const watch = definePlugin({
    name: 'watch-test',
    setup({ tap }) {
      tap('message', (message) => void found.push(['judged', message.get(messageAuthentication)]), {
        order: 'early',
      });
    },
  });
  const server = await startTestMta({
    resolver,
    plugins: [
      checkAuth({ trustedSealers: [...trustedSealers] }),
      watch(),
      checkDmarcPolicy(),
      definePlugin({
        name: 'route-test',
        setup({ tap }) {
          tap('recipient', () => accept());
          tap('route', () => ({ transport: 'local', accountId: 'bob' }));
        },
      })(),
    ],
  });
  servers.push(server);
  return { port: server.port('relay'), found };
}

it('passes where all forwarders are trusted, and not where one is not', { timeout: 120_000 }, async () => {
  await using directory = await temporaryDirectory();
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const keyFile = join(directory.path, 'arc.pem');
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  for (const domain of ['forwarder.example', 'second.example'])
    texts[`arc._domainkey.${domain}`] = `v=DKIM1; k=rsa; p=${spki}`;

  const trusting = await nextHop(['forwarder.example']);
  const strict = await nextHop([]);
  const outcomes: string[] = [];
  const settled = definePlugin({
    name: 'settled-test',
    setup({ tap }) {
      tap('settled', ({ recipient: { address }, status, outcome }) => {
        // The bounce goes home too.
        if (address.domain !== 'sender.example')
          outcomes.push(`${address.domain} ${status} ${outcome?.reply.code}`);
      });
    },
  });
  const hostOf = (port: number): Route => ({ transport: 'smtp', host: '127.0.0.1', port });
  // Forwards on to the hop that trusts the first forwarder, which does not know this one.
  const second = await start(
    (domain) =>
      domain === 'twice.example' ? hostOf(trusting.port) : { transport: 'local', accountId: 'ann' },
    [
      signArc({ domain: 'second.example', selector: 'arc', keyFile }),
      deliverSmtp({ allowPrivateAddresses: true }),
    ],
  );
  const forwarder = await start(
    (domain) =>
      domain === 'trusting.example'
        ? hostOf(trusting.port)
        : domain === 'strict.example'
          ? hostOf(strict.port)
          : domain === 'twice.example'
            ? hostOf(second.port('relay'))
            : { transport: 'local', accountId: 'ann' },
    [
      checkDmarcPolicy(),
      routeSrs({ domain: 'forwarder.example', secrets: ['a secret of sixteen octets or more'] }),
      signArc({ domain: 'forwarder.example', selector: 'arc', keyFile }),
      deliverSmtp({ allowPrivateAddresses: true }),
      settled(),
    ],
  );
  const { outcome } = await sendMessage({
    port: forwarder.port('relay'),
    from: 'ann@sender.example',
    to: ['bob@trusting.example', 'bob@strict.example', 'bob@twice.example'],
    content: 'From: ann@sender.example\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: x\n\nhello\n',
  });
  expect(outcome).toMatch(/^250 /);
  // Where a check was put off by a busy machine, it is sent again a minute later.
  await expect.poll(() => outcomes.length, { timeout: 100_000 }).toBe(3);
  expect(outcomes.sort()).toEqual([
    'strict.example bounced 550',
    'trusting.example delivered 250',
    'twice.example delivered 250',
  ]);
  await expect.poll(() => trusting.found.length, { timeout: 60_000 }).toBe(2);
  const sealersOf = ([, said]: (typeof trusting.found)[number]) => said?.arc?.sealers.length;
  trusting.found.sort((a, b) => (sealersOf(a) ?? 0) - (sealersOf(b) ?? 0));
  expect(trusting.found[1]?.[1]?.arc).toMatchObject({ result: 'pass', isTrusted: false });
  expect([...(trusting.found[1]?.[1]?.arc?.sealers ?? [])].sort()).toEqual([
    'forwarder.example',
    'second.example',
  ]);
  for (const [isTrusted, { found }] of [
    [true, trusting],
    [false, strict],
  ] as const) {
    // SPF is the forwarder's now, and not that of From.
    expect(found[0]?.[1]).toMatchObject({
      spf: { result: 'pass', domain: 'forwarder.example' },
      dmarc: { result: 'fail', domain: 'sender.example' },
      arc: { result: 'pass', isTrusted },
    });
  }
});
