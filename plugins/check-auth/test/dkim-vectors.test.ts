import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import { checkMessage } from '../src/worker/check-message.js';
import type { JobFacts } from '../src/worker/protocol.js';
import { dnsError, textResolver } from './fixed-resolver.js';

/** RFC 8463 appendix A: one message, signed with Ed25519 and with RSA. */
const signed = [
  'DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;',
  ' d=football.example.com; i=@football.example.com;',
  ' q=dns/txt; s=brisbane; t=1528637909; h=from : to :',
  ' subject : date : message-id : from : subject : date;',
  ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;',
  ' b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus',
  ' Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==',
  'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;',
  ' d=football.example.com; i=@football.example.com;',
  ' q=dns/txt; s=test; t=1528637909; h=from : to : subject :',
  ' date : message-id : from : subject : date;',
  ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;',
  ' b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3',
  ' DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz',
  ' dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=',
  'From: Joe SixPack <joe@football.example.com>',
  'To: Suzie Q <suzie@shopping.example.net>',
  'Subject: Is dinner ready?',
  'Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)',
  'Message-ID: <20030712040037.46341.5F8J@football.example.com>',
  '',
  'Hi.',
  '',
  'We lost the game.  Are you hungry yet?',
  '',
  'Joe.',
  '',
].join('\r\n');

const keys: Readonly<Record<string, string>> = {
  'brisbane._domainkey.football.example.com':
    'v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
  'test._domainkey.football.example.com':
    'v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB',
};

const facts: JobFacts = {
  hostname: 'mx.test',
  remoteAddress: '192.0.2.1',
  helloName: 'client.test',
  sender: 'joe@football.example.com',
  nowMs: 1_700_000_000_000,
  checks: ['dkim', 'dmarc'],
  limits: { signaturesMax: 8, rsaBitsMin: 1_024, spfLookupsMax: 10, spfVoidLookupsMax: 2, questionsMax: 100 },
  trustedSealers: [],
};

async function* pieces(text: string, size = 7): AsyncGenerator<Uint8Array> {
  const octets = Buffer.from(text);
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

const check = (text: string, texts = keys, more: Partial<JobFacts> = {}) =>
  checkMessage({ ...facts, ...more }, pieces(text), textResolver(texts));
const words = async (text: string, texts = keys, more: Partial<JobFacts> = {}) =>
  (await check(text, texts, more)).dkim.map(({ result, comment }) =>
    comment === undefined ? result : `${result}: ${comment}`,
  );

test('the message of RFC 8463 appendix A verifies with both of its keys', async () => {
  const { dkim } = await check(signed);
  expect(dkim).toMatchObject([
    {
      result: 'pass',
      domain: 'football.example.com',
      selector: 'brisbane',
      algorithm: 'ed25519-sha256',
      isWhole: true,
    },
    {
      result: 'pass',
      domain: 'football.example.com',
      selector: 'test',
      algorithm: 'rsa-sha256',
      isWhole: true,
    },
  ]);
});

/** RFC 6376 appendix A.2, with the key of its appendix C. */
const signedByRfc6376 = [
  'DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;',
  '      c=simple/simple; q=dns/txt; i=joe@football.example.com;',
  '      h=Received : From : To : Subject : Date : Message-ID;',
  '      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;',
  '      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB',
  '      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut',
  '      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV',
  '      4bmp/YzhwvcubU4=;',
  'Received: from client1.football.example.com  [192.0.2.1]',
  '      by submitserver.example.com with SUBMISSION;',
  '      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)',
  // The rest is that of RFC 8463, but for a blank.
  signed.slice(signed.indexOf('From: Joe')).replace('game.  Are', 'game. Are'),
].join('\r\n');

test('the message of RFC 6376 appendix A verifies, with its fields as they are, and fails when one is unfolded', async () => {
  const texts = {
    'brisbane._domainkey.example.com':
      'v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB',
  };
  const { dkim } = await check(signedByRfc6376, texts);
  expect(dkim).toMatchObject([
    { result: 'pass', domain: 'example.com', selector: 'brisbane', algorithm: 'rsa-sha256', isWhole: true },
  ]);
  const unfolded = signedByRfc6376.replace('  [192.0.2.1]', ' [192.0.2.1]');
  expect(await words(unfolded, texts)).toEqual(['fail: bad signature']);
});

test('what was changed fails, and what can not be known for now is a temperror', async () => {
  expect(await words(signed.replace('dinner', 'supper'))).toEqual(Array(2).fill('fail: bad signature'));
  expect(await words(signed.replace('hungry', 'thirsty'))).toEqual(
    Array(2).fill('fail: body hash did not verify'),
  );
  expect(await words(signed, {})).toEqual(Array(2).fill('permerror: no key'));
  const down = await checkMessage(facts, pieces(signed), async () => {
    throw dnsError('ETIMEOUT');
  });
  expect(down.dkim.map(({ result }) => result)).toEqual(['temperror', 'temperror']);
  // The domain of From stands in a signature that may verify tomorrow.
  expect(down.dmarc?.result).toBe('temperror');
});

test('keys that are too short, revoked, broken or for something else prove nothing', async () => {
  expect(await words(signed, keys, { limits: { ...facts.limits, rsaBitsMin: 2_048 } })).toEqual([
    'pass',
    'policy: weak key',
  ]);
  const withBoth = (change: (record: string) => string) =>
    Object.fromEntries(Object.entries(keys).map(([name, record]) => [name, change(record)]));
  expect(
    await words(
      signed,
      withBoth(() => 'v=DKIM1; p='),
    ),
  ).toEqual(Array(2).fill('permerror: invalid public key'));
  expect(
    await words(
      signed,
      withBoth(() => 'v=DKIM1; p=!!!'),
    ),
  ).toEqual(Array(2).fill('permerror: invalid public key'));
  expect(
    await words(
      signed,
      withBoth((record) => `${record}; s=tlsrpt`),
    ),
  ).toEqual(Array(2).fill('permerror: key is not for email'));
  expect(
    await words(
      signed,
      withBoth((record) => `${record}; h=sha1`),
    ),
  ).toEqual(Array(2).fill('permerror: key is not for this hash'));
});

/** Signs with fields of one's own, relaxed, to see what we say to what a good signer never sends. */
function signWith(key: KeyObject, tags: string, header: string, body: string): string {
  const relaxed = (line: string) =>
    line
      .replace(/^([^:]*):\s*/, (_all, name: string) => `${name.toLowerCase()}:`)
      .replace(/[ \t]+/g, ' ')
      .trim();
  const limit = /\bl=(\d+)/.exec(tags)?.[1];
  const octets = limit === undefined ? body : body.slice(0, Number(limit));
  const hash = createHash('sha256').update(octets).digest('base64');
  const field = `DKIM-Signature: ${tags}; bh=${hash}; b=`;
  const names = (/h=([^;]*)/.exec(tags)?.[1] ?? '').split(':');
  const lines = header.split('\r\n');
  const covered = names.flatMap(
    (name) => lines.find((line) => line.toLowerCase().startsWith(`${name.trim()}:`)) ?? [],
  );
  const canonical = [...covered, field].map(relaxed).join('\r\n');
  const algorithm = key.asymmetricKeyType === 'rsa' ? 'sha256' : null;
  const input = algorithm === null ? createHash('sha256').update(canonical).digest() : Buffer.from(canonical);
  return `${field}${sign(algorithm, input, key).toString('base64')}\r\n${header}\r\n\r\n${body}`;
}

const pair = generateKeyPairSync('ed25519');
const raw = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
const own = {
  's._domainkey.example.org': `v=DKIM1; k=ed25519; p=${raw}`,
  '_dmarc.example.org': 'v=DMARC1; p=reject',
};
const base = 'v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s';
const header = 'From: a@example.org\r\nSubject: x';

test('a signature with l= passes, but what it leaves open does not count for DMARC', async () => {
  const whole = await check(signWith(pair.privateKey, `${base}; h=from:subject`, header, 'hello\r\n'), own);
  expect(whole.dkim).toMatchObject([{ result: 'pass', isWhole: true }]);
  expect(whole.dmarc?.result).toBe('pass');
  const limited = signWith(pair.privateKey, `${base}; h=from:subject; l=7`, header, 'hello\r\n');
  expect((await check(limited, own)).dmarc?.result).toBe('pass');
  const longer = await check(`${limited}and buy my pills\r\n`, own);
  expect(longer.dkim).toMatchObject([{ result: 'pass', isWhole: false }]);
  expect(longer.dmarc).toMatchObject({ result: 'fail', policy: 'reject' });
});

test('signatures that break the rules are permerrors', async () => {
  const fault = (tags: string) => words(signWith(pair.privateKey, tags, header, 'hello\r\n'), own);
  expect(await fault(`${base}; h=subject`)).toEqual(['permerror: From is not signed']);
  expect(await fault(`${base}; h=from; i=@other.example`)).toEqual(['permerror: i= is not under d=']);
  expect(await fault(`${base}; h=from; s=s`)).toEqual(['permerror: no tag list']);
  expect(await fault(`${base.replace('v=1', 'v=2')}; h=from`)).toEqual(['permerror: unknown version']);
  expect(await fault(`${base.replace('ed25519', 'rot13')}; h=from`)).toEqual([
    'permerror: unknown algorithm',
  ]);
  expect(await fault(`${base.replace('sha256', 'sha1')}; h=from`)).toEqual(['policy: sha1 proves nothing']);
  expect(await fault(`${base}; h=from; t=1; x=2`)).toEqual(['neutral: expired']);
});

test('of a thousand signatures only the first few are looked at', async () => {
  const one = signed.slice(0, signed.indexOf('DKIM-Signature', 1));
  const { dkim } = await check(one.repeat(1_000) + signed);
  expect(dkim).toHaveLength(facts.limits.signaturesMax);
});

test('BIMI is looked up for a domain that enforces DMARC, and needs a signature', async () => {
  const texts = {
    ...keys,
    '_dmarc.football.example.com': 'v=DMARC1; p=reject',
    'default._bimi.football.example.com': 'v=BIMI1; l=https://example.com/logo.svg; a=',
  };
  const checks = ['dkim', 'dmarc', 'bimi'] as const;
  const { bimi } = await check(signed, texts, { checks });
  expect(bimi).toMatchObject({
    result: 'pass',
    properties: { 'policy.indicator-uri': 'https://example.com/logo.svg' },
  });
  const broken = { ...texts, 'default._bimi.football.example.com': 'v=BIMI1; l=http://example.com/logo.svg' };
  expect((await check(signed, broken, { checks })).bimi?.result).toBe('fail');
  expect(
    (await check(signed, { ...texts, '_dmarc.football.example.com': 'v=DMARC1; p=none' }, { checks })).bimi
      ?.result,
  ).toBe('skipped');
});
