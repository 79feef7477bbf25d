/** What Haraka's interface promises, and what happens when a plugin breaks its own promise. */
import { expect, it } from 'vitest';
import { contentOf, send } from './haraka.js';

const scene = (source: string, more: object = {}) => ({
  plugins: ['./own.js'],
  own: { 'own.js': source },
  timeoutMs: 300,
  ...more,
});
const content = contentOf('Subject: hello\r\nX-Old: 1\r\n');

it('runs hooks in order of priority, with notes, results and configuration', async () => {
  const { queued, findings } = await send(
    scene(
      `
      exports.register = function () {
        this.cfg = this.config.get('own.ini', { booleans: ['+main.on'] });
        this.register_hook('mail', 'late', 10);
        this.register_hook('mail', 'soon', -10);
      };
      exports.soon = function (next, connection, params) {
        connection.notes.seen = ['soon ' + params[0].address];
        next();
      };
      exports.late = (next, connection) => { connection.notes.seen.push('late'); next(); };
      exports.hook_rcpt_ok = (next, connection, rcpt) => { connection.transaction.notes.set('a.b', rcpt.host); next(); };
      exports.hook_data_post = function (next, connection) {
        const { transaction } = connection;
        transaction.results.add(this, { pass: 'fine', score: 2.5 });
        transaction.add_header('X-Seen', [...connection.notes.seen, this.cfg.main.word, this.cfg.main.on].join(' '));
        transaction.add_leading_header('X-Top', connection.hello.host + ' ' + connection.remote.ip);
        transaction.remove_header('X-Old');
        connection.auth_results('test=pass');
        next(CONT);
      };
      `,
      { files: { 'own.ini': 'word=configured\n' } },
    ),
    { content },
  );
  expect(queued[0]?.text).toBe(
    contentOf('Subject: hello\r\nX-Seen: soon alice@example.net late configured true\r\n').replace(
      /^/,
      'Authentication-Results: mx.test; test=pass\r\nX-Top: client.example.net 127.0.0.1\r\n',
    ),
  );
  expect(findings).toContainEqual({
    source: 'haraka.own',
    result: 'pass',
    text: expect.stringContaining('fine'),
    score: 2.5,
  });
});

it('changes sender and recipients, and writes the content anew', async () => {
  const { queued } = await send(
    scene(`
      const { Address } = require(${JSON.stringify(new URL('../node_modules/@haraka/email-address', import.meta.url).pathname)});
      exports.hook_data = (next, connection) => {
        connection.transaction.set_banner('the banner');
        next();
      };
      exports.hook_data_post = (next, connection) => {
        connection.transaction.mail_from = new Address('<other@example.net>');
        connection.transaction.rcpt_to = [new Address('<carol@example.org>')];
        next();
      };
    `),
    { content },
  );
  expect(queued[0]).toMatchObject({ sender: 'other@example.net', recipients: ['carol@example.org'] });
  expect(queued[0]?.text).toContain('the body');
  expect(queued[0]?.text).toContain('the banner');
  expect(queued[0]?.text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
});

it.each([
  ['DENY', /^550 5\.7\.1 said$/],
  ['DENYSOFT', /^450 4\.7\.1 said$/],
  ['DENYDISCONNECT', /^550 5\.7\.1 said$/],
  ['DENYSOFTDISCONNECT', /^450 4\.7\.1 said$/],
  ['DISCONNECT', /^421 4\.7\.1 said$/],
  ['OK', /^250 /],
  ['STOP', /^250 /],
])('%s at every hook', async (code, expected) => {
  for (const hook of ['mail', 'data_post']) {
    const source = `exports.hook_${hook} = (next) => next(${code}, 'said');`;
    expect((await send(scene(source), { content })).outcome).toMatch(expected);
  }
});

it('lets the deny hook overrule, and gives a DSN its code', async () => {
  const overruled = await send(
    scene(`exports.hook_mail = (next) => next(DENY); exports.hook_deny = (next) => next(OK);`),
    { content },
  );
  expect(overruled.outcome).toMatch(/^250 /);
  const dsn = await send(
    scene(`exports.hook_rcpt = (next) => next(DENY, { code: 552, msg: 'full', cls: 5, sub: 2, det: 2 });`),
    { content },
  );
  expect(dsn.outcome).toBe('552 5.2.2 full');
});

it('accepts a recipient only by OK or relaying, and relaying ends with its transaction', async () => {
  const ok = await send(scene(`exports.hook_rcpt = (next) => next(OK);`, { isOpen: false }), { content });
  expect(ok.outcome).toMatch(/^250 /);
  const none = await send(scene(`exports.hook_rcpt = (next) => next();`, { isOpen: false }), { content });
  expect(none.outcome).toMatch(/^550 5\.7\.1 relaying denied/);
});

it('counts a message that a queue plugin takes as taken', async () => {
  const { outcome, queued } = await send(scene(`exports.hook_queue = (next) => next(OK);`), { content });
  expect(outcome).toMatch(/^250 /);
  expect(queued).toEqual([]);
});

const broken: Record<string, string> = {
  throws: `exports.hook_HOOK = () => { throw new Error('broken'); };`,
  rejects: `exports.hook_HOOK = async () => { throw new Error('broken'); };`,
  'throws later, out of its hook': `exports.hook_HOOK = () => { setTimeout(() => { throw new Error('later'); }, 5); };`,
  'never calls back': `exports.hook_HOOK = () => {};`,
  'calls back twice': `exports.hook_HOOK = (next) => { next(); next(); };`,
  'calls back with nonsense': `exports.hook_HOOK = (next) => next('what');`,
};
it.each(Object.keys(broken))('defers, or goes on by configuration, when a plugin %s', async (name) => {
  for (const hook of ['mail', 'data_post']) {
    const source = (broken[name] as string).replace('HOOK', hook);
    const deferred = await send(scene(source), { content }, { content });
    for (const { outcome } of deferred.answers) expect(outcome).toMatch(/^451 4\.3\.0 /);
    expect(deferred.queued).toEqual([]);
    const skipped = await send(scene(source, { onError: 'skip' }), { content });
    expect(skipped.outcome).toMatch(/^250 /);
  }
});

it('defers when a plugin calls back again after its hook is over', async () => {
  const { outcome } = await send(
    scene(`
      let again;
      exports.hook_mail = (next) => { again = next; next(); };
      exports.hook_data = (next) => { again(); next(); };
    `),
    { content },
  );
  expect(outcome).toMatch(/^451 4\.3\.0 /);
});

it('refuses the start when a plugin is not there or can not be loaded', async () => {
  await expect(send({ plugins: ['haraka-plugin-none'] }, { content })).rejects.toThrow(/haraka-plugin-none/);
  await expect(send(scene('this is not JavaScript'), { content })).rejects.toThrow(/could not be loaded/);
  await expect(
    send(scene('exports.register = () => { throw new Error("no"); };'), { content }),
  ).rejects.toThrow(/register/);
});
