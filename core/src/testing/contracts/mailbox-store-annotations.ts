/** The contract of annotations (RFC 5464), for stores that keep them. */
import { describe, expect, it } from 'vitest';
import { annotationLimits } from '../../mailbox/annotations.js';
import type { AnnotationPlace, MailboxStore } from '../../services/mailbox-store.js';
import { alice, bob, expectCode, mailboxNamed, noticesOf } from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

const octets = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

async function told(store: MailboxStore, place: AnnotationPlace): Promise<Record<string, string>> {
  const found = [...((await store.annotations?.(place)) ?? [])];
  return Object.fromEntries(found.map(([entry, value]) => [entry, Buffer.from(value).toString('latin1')]));
}

/** Tests of annotations; passed over by a store that keeps none. */
export function annotationTests(use: () => OpenMailboxStore): void {
  const test = (name: string, run: (store: MailboxStore) => Promise<void>) =>
    it(name, async (context) => {
      const { store } = use();
      if ((await store.annotations?.({ accountId: alice })) === undefined) context.skip();
      await run(store);
    });
  describe('annotations', () => {
    values(test);
    bounds(test);
    it('outlast the store', async (context) => {
      const { store, reopen } = use();
      if (reopen === undefined || (await store.annotations?.({ accountId: alice })) === undefined)
        context.skip();
      const { id } = await mailboxNamed(store, 'INBOX');
      await store.annotate?.(
        { accountId: alice, mailboxId: id },
        new Map([['/shared/comment', octets('x')]]),
      );
      const reopened = await reopen?.();
      expect(await told(reopened as MailboxStore, { accountId: alice, mailboxId: id })).toEqual({
        '/shared/comment': 'x',
      });
    });
  });
}

type Test = (name: string, run: (store: MailboxStore) => Promise<void>) => void;

function values(test: Test): void {
  test('are set, changed and removed, with any octets', async (store) => {
    const place = { accountId: alice, mailboxId: (await mailboxNamed(store, 'INBOX')).id };
    expect(await told(store, place)).toEqual({});
    await store.annotate?.(
      place,
      new Map([
        ['/shared/comment', octets('a\0\xff')],
        ['/private/comment', octets('')],
      ]),
    );
    expect(await told(store, place)).toEqual({ '/shared/comment': 'a\0\xff', '/private/comment': '' });
    await store.annotate?.(
      place,
      new Map([
        ['/shared/comment', octets('b')],
        ['/private/comment', null],
        ['/private/none', null],
      ]),
    );
    expect(await told(store, place)).toEqual({ '/shared/comment': 'b' });
  });

  test("private ones are the account's alone, also in a mailbox of another", async (store) => {
    const { id: mailboxId } = await mailboxNamed(store, 'INBOX');
    await mailboxNamed(store, 'INBOX', bob);
    await store.annotate?.({ accountId: alice, mailboxId }, new Map([['/shared/s', octets('s')]]));
    await store.annotate?.({ accountId: alice, mailboxId }, new Map([['/private/p', octets('alice')]]));
    await store.annotate?.({ accountId: bob, mailboxId }, new Map([['/private/p', octets('bob')]]));
    await store.annotate?.({ accountId: bob }, new Map([['/private/p', octets('account')]]));
    expect(await told(store, { accountId: alice, mailboxId })).toEqual({
      '/shared/s': 's',
      '/private/p': 'alice',
    });
    expect(await told(store, { accountId: bob, mailboxId })).toEqual({
      '/shared/s': 's',
      '/private/p': 'bob',
    });
    expect(await told(store, { accountId: bob })).toEqual({ '/private/p': 'account' });
    expect(await told(store, { accountId: alice })).toEqual({});
  });

  test('follow a mailbox, go with it, and are told of', async (store) => {
    const mailbox = await store.createMailbox(alice, 'Work');
    const place = { accountId: alice, mailboxId: mailbox.id };
    const notices = noticesOf(store);
    await store.annotate?.(place, new Map([['/shared/comment', octets('x')]]));
    const noticed = { accountId: alice, mailboxId: mailbox.id, annotations: ['/shared/comment'] };
    expect(notices.list).toEqual([noticed]);
    await store.annotate?.({ accountId: alice }, new Map([['/private/comment', octets('x')]]));
    expect(notices.list[1]).toEqual({ accountId: alice, annotations: ['/private/comment'] });
    notices.stop();
    // What another sets for itself alone is told to it, not to the owner.
    const hers = noticesOf(store);
    await store.mailboxes(bob);
    const his = noticesOf(store, bob);
    await store.annotate?.(
      { accountId: bob, mailboxId: mailbox.id },
      new Map([
        ['/private/p', octets('p')],
        ['/shared/s', octets('s')],
      ]),
    );
    expect(hers.list).toEqual([{ ...noticed, annotations: ['/shared/s'] }]);
    expect(his.list).toEqual([{ accountId: bob, mailboxId: mailbox.id, annotations: ['/private/p'] }]);
    hers.stop();
    his.stop();
    await store.annotate?.(place, new Map([['/shared/s', null]]));
    await store.renameMailbox(mailbox.id, 'Play');
    expect(await told(store, place)).toEqual({ '/shared/comment': 'x' });
    await store.deleteMailbox(mailbox.id);
    await expectCode(store.annotations?.(place) as Promise<unknown>, 'E_NOT_FOUND');
    await expectCode(store.annotate?.(place, new Map()) as Promise<unknown>, 'E_NOT_FOUND');
    const again = await store.createMailbox(alice, 'Play');
    expect(await told(store, { accountId: alice, mailboxId: again.id })).toEqual({});
  });
}

function bounds(test: Test): void {
  test('are bounded, and a change that is too much changes nothing', async (store) => {
    const place = { accountId: alice };
    const many = Array.from({ length: annotationLimits.entriesMax }, (_, at) => [
      `/private/${at}`,
      octets('x'),
    ]);
    await store.annotate?.(place, new Map(many as [string, Uint8Array][]));
    const more = new Map([
      ['/private/0', octets('y')],
      ['/private/more', octets('x')],
    ]);
    await expectCode(store.annotate?.(place, more) as Promise<unknown>, 'E_QUOTA');
    expect((await told(store, place))['/private/0']).toBe('x');
    const long = new Map([['/private/0', new Uint8Array(annotationLimits.valueOctetsMax + 1)]]);
    await expectCode(store.annotate?.(place, long) as Promise<unknown>, 'E_QUOTA');
    await store.annotate?.(place, new Map([['/private/1', null]]));
    expect(Object.keys(await told(store, place))).toHaveLength(annotationLimits.entriesMax - 1);
  });
}
