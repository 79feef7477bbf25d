/** Discovery, registration, every inbound stage and every change, with a service that answers as the test says. */
import { expect, it } from 'vitest';
import type { Plain } from './cbor.js';
import { content, send, serve } from './service.test.kit.js';

it('finds, registers, asks with the whole context, and says goodbye', async () => {
  const service = await serve();
  const { outcome, queued } = await send([{ url: service.url, token: 'secret' }]);
  expect(outcome).toMatch(/^250 /);
  expect(queued?.text).toBe(content);
  expect(service.heard.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /.well-known/mta-hooks',
    'POST /register',
    'POST /hook',
    'DELETE /register/reg-1',
  ]);
  expect(service.heard.every(({ headers }) => headers.authorization === 'Bearer secret')).toBe(true);
  expect(service.heard[1]?.document).toMatchObject({ serialization: 'json', inbound: { stages: ['data'] } });
  expect(service.heard[2]?.headers).toMatchObject({ 'x-mta-hooks-registration': 'reg-1' });
  const [asked] = service.asked();
  expect(asked).toMatchObject({
    stage: 'data',
    action: 'accept',
    protocol: { version: '1.0' },
    envelope: {
      from: { address: 'alice@example.net' },
      to: [{ address: 'bob@example.org', parameters: {} }],
    },
    client: { ip: '127.0.0.1', ehlo: 'client.example.net' },
    server: { name: 'mx.test' },
    message: {
      headers: [{ name: 'Subject', value: 'hello' }, { name: 'X-Old', value: '1' }, { name: 'X-Folded' }],
    },
  });
  expect(Buffer.from(String(asked?.rawMessage), 'base64').toString()).toBe(content);
});

it('speaks CBOR, octets as they are', async () => {
  const service = await serve({
    serialization: ['json', 'cbor'],
    hook: () => ({ set: [{ path: '/rawMessage', value: Buffer.from('Subject: new\r\n\r\nanew\r\n') }] }),
  });
  const { queued } = await send([{ url: service.url, serialization: 'cbor' }]);
  const raw = service.asked()[0]?.rawMessage as Uint8Array;
  expect(Buffer.from(raw).toString()).toBe(content);
  expect(queued?.text).toBe('Subject: new\r\n\r\nanew\r\n');
});

it('sends no more than what was negotiated', async () => {
  const service = await serve({ properties: ['/stage', '/action', '/envelope'] });
  await send([{ url: service.url }]);
  expect(Object.keys(service.asked()[0] ?? {}).sort()).toEqual(['action', 'envelope', 'stage']);
});

it('asks at every stage, and refuses there', async () => {
  const inbound = ['connect', 'ehlo', 'mail', 'rcpt', 'data'] as const;
  const quiet = await serve();
  await send([{ url: quiet.url, inbound }]);
  expect(quiet.asked().map(({ stage }) => stage)).toEqual(inbound);
  const places = { connect: 'greeting', ehlo: 'hello', mail: 'mail', rcpt: 'outcome', data: 'data' } as const;
  for (const stage of inbound) {
    const refusing = await serve({
      hook: (document) =>
        document.stage === stage
          ? {
              set: [
                { path: '/action', value: 'reject' },
                { path: '/response', value: { code: 554, enhancedCode: '5.7.2', message: 'not here' } },
              ],
            }
          : undefined,
    });
    const sent = await send([{ url: refusing.url, inbound }]);
    expect(sent[places[stage]]).toMatch(/^554 (5\.7\.2 )?.*not here/);
    expect(sent.outcome).toBe(sent[places[stage]]);
  }
});

it.each<[string, Plain, RegExp]>([
  ['reject', { set: [{ path: '/action', value: 'reject' }] }, /^550 5\.7\.1 message refused$/],
  [
    'reject for now',
    {
      set: [
        { path: '/action', value: 'reject' },
        { path: '/response', value: { code: 451, message: 'later' } },
      ],
    },
    /^451 4\.7\.1 later$/,
  ],
  ['reject by JSON Patch', [{ op: 'replace', path: '/action', value: 'reject' }], /^550 /],
  ['disconnect', { set: [{ path: '/action', value: 'disconnect' }] }, /^421 /],
  ['discard', { set: [{ path: '/action', value: 'discard' }] }, /^250 /],
  ['an action that is none', { set: [{ path: '/action', value: 'explode' }] }, /^451 4\.3\.0 /],
  [
    'a field that breaks out',
    { add: [{ path: '/message/headers', value: { name: 'X', value: 'a\r\nY: b' } }] },
    /^451 /,
  ],
  ['a recipient that is none', { add: [{ path: '/envelope/to', value: { address: 'x y' } }] }, /^451 /],
  [
    'a code that is none',
    {
      set: [
        { path: '/action', value: 'reject' },
        { path: '/response', value: { code: 200 } },
      ],
    },
    /^451 /,
  ],
  ['a message that is no base64', { set: [{ path: '/rawMessage', value: '%%%' }] }, /^451 /],
])('%s', async (_name, answer, expected) => {
  const service = await serve({ hook: () => answer });
  expect((await send([{ url: service.url }])).outcome).toMatch(expected);
});

it('changes header, envelope and mark, and leaves the octets of the rest', async () => {
  const service = await serve({
    hook: () => ({
      set: [
        { path: '/action', value: 'quarantine' },
        { path: '/envelope/from', value: { address: 'other@example.net' } },
      ],
      add: [
        { path: '/message/headers', value: { name: 'X-Top', value: 'yes' }, index: 0 },
        { path: '/envelope/to', value: { address: 'carol@example.org' } },
      ],
      delete: [{ path: '/message/headers/1' }, { path: '/envelope/to/0' }],
    }),
  });
  const { queued } = await send([{ url: service.url, name: 'scanner' }]);
  expect(queued).toEqual({
    text: 'X-Top: yes\r\nSubject: hello\r\nX-Folded: a\r\n\tb\r\n\r\nthe body\r\n',
    sender: 'other@example.net',
    recipients: ['carol@example.org'],
    quarantine: 'scanner sets it apart',
  });
  const restrained = await send([{ url: service.url, name: 'scanner', rewrite: false }]);
  expect(restrained.queued).toMatchObject({ text: content, recipients: ['bob@example.org'] });
});

it('asks services in order, each about what the one before has made, and none takes a mark back', async () => {
  const first = await serve({
    hook: () => ({
      set: [{ path: '/action', value: 'quarantine' }],
      add: [{ path: '/message/headers', value: { name: 'X-By', value: 'first' } }],
    }),
  });
  const second = await serve({ hook: () => ({ set: [{ path: '/action', value: 'accept' }] }) });
  const { queued } = await send([{ url: first.url, name: 'first' }, { url: second.url }]);
  expect(queued?.quarantine).toBe('first sets it apart');
  expect(second.asked()[0]?.message).toMatchObject({
    headers: expect.arrayContaining([{ name: 'X-By', value: 'first' }]),
  });
});

it('registers again when its registration is gone, and repeats a request with its id', async () => {
  const service = await serve({
    hook: (_document, count) => (count === 0 ? { status: 410 } : count === 1 ? { status: 503 } : undefined),
  });
  expect((await send([{ url: service.url }])).outcome).toMatch(/^250 /);
  const hooks = service.heard.filter(({ path }) => path === '/hook');
  expect(hooks).toHaveLength(3);
  expect(new Set(hooks.map(({ headers }) => headers['x-mta-hooks-request-id'])).size).toBe(1);
  expect(service.heard.filter(({ path }) => path === '/register')).toHaveLength(2);
});

it('gives its token to nobody else, and refuses a service without the stage', async () => {
  const elsewhere = await serve({ registration: { hookEndpoint: 'http://127.0.0.1:1/hook' } });
  expect((await send([{ url: elsewhere.url, token: 'secret' }])).outcome).toMatch(/^451 /);
  const expired = await serve({ registration: { registrationId: 'a b' } });
  expect((await send([{ url: expired.url }])).outcome).toMatch(/^451 /);
});
