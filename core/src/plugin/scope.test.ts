import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { createContainer, inject, injectable } from '../di/container.js';
import { optional, type Token, token } from '../di/token.js';
import type { HookName } from '../hooks/table.js';
import type { Logger } from '../services/logger.js';
import { createMetrics } from '../services/metrics-registry.js';
import { definePlugin, type PluginUse } from './define.js';
import { createKeeper } from './keep.js';
import { type ScopeOptions, setupScope } from './scope.js';
import type { StandardSchema } from './standard-schema.js';

interface Greeter {
  greet(): string;
}
const Greeter = token<Greeter>('test.greeter');
const Other = token<{ readonly name: string }>('test.other');

const log: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => log };

function scopeOf(
  uses: readonly PluginUse[],
  listener?: ScopeOptions['listener'],
  container = createContainer(),
) {
  return setupScope({
    uses,
    container,
    hostname: 'mx.test',
    listener,
    log,
    metrics: createMetrics(),
    keeper: createKeeper(),
    generation: {},
  });
}

const provider = (name: string, of: Token<Greeter>) =>
  definePlugin({ name, provides: [of], setup: ({ provide }) => provide(of, { greet: () => name }) });

describe('a scope', () => {
  it('sets up who provides before who needs, and keeps taps in the order of the composition', () => {
    const set: string[] = [];
    const user = definePlugin({
      name: 'user',
      needs: { greeter: Greeter, missing: optional(Other) },
      setup({ services, tap }) {
        set.push(services.greeter.greet(), String(services.missing));
        tap('connect', () => undefined);
      },
    });
    const giver = definePlugin({
      name: 'giver',
      provides: [Greeter],
      setup({ provide, tap }) {
        set.push('giver');
        provide(Greeter, { greet: () => 'hello' });
        tap('connect', () => undefined);
      },
    });
    const scope = scopeOf([user(), giver()]);
    expect(set).toEqual(['giver', 'hello', 'undefined']);
    expect(scope.taps.map((tap) => tap.plugin)).toEqual(['user', 'giver']);
    expect(scope.providers.get('test.greeter')).toBe('giver');
  });

  it('injects the collaborators of classes by their tokens', () => {
    @injectable()
    class Polite implements Greeter {
      readonly #other: { readonly name: string };
      constructor(@inject(Other) other: { readonly name: string }) {
        this.#other = other;
      }
      greet() {
        return `dear ${this.#other.name}`;
      }
    }
    const plugin = definePlugin({
      name: 'polite',
      provides: [Other, Greeter],
      setup({ provide, provideClass }) {
        provide(Other, { name: 'sir' });
        provideClass(Greeter, Polite);
      },
    });
    expect(scopeOf([plugin()]).container.get(Greeter).greet()).toBe('dear sir');
  });

  it('refuses a missing service by plugin and token', () => {
    const user = definePlugin({ name: 'user', needs: { greeter: Greeter }, setup: () => {} });
    expect(() => scopeOf([user()])).toThrow(
      expect.objectContaining({
        code: 'E_TOKEN_MISSING',
        message: expect.stringMatching(/user.*test\.greeter/),
      }),
    );
  });

  it('refuses a class whose collaborator nobody provides', () => {
    @injectable()
    class Lonely implements Greeter {
      readonly #other: unknown;
      constructor(@inject(Other) other: unknown) {
        this.#other = other;
      }
      greet() {
        return String(this.#other);
      }
    }
    const plugin = definePlugin({
      name: 'lonely',
      provides: [Greeter],
      setup: ({ provideClass }) => provideClass(Greeter, Lonely),
    });
    expect(() => scopeOf([plugin()])).toThrow(
      expect.objectContaining({ code: 'E_TOKEN_MISSING', message: expect.stringContaining('lonely') }),
    );
  });

  it('refuses a circle of plugins by their names', () => {
    const a = definePlugin({ name: 'a', needs: { other: Other }, provides: [Greeter], setup: () => {} });
    const b = definePlugin({ name: 'b', needs: { greeter: Greeter }, provides: [Other], setup: () => {} });
    expect(() => scopeOf([a(), b()])).toThrow(
      expect.objectContaining({ code: 'E_CYCLE', message: expect.stringContaining('a -> b -> a') }),
    );
  });

  it('refuses a circle of classes', () => {
    @injectable()
    class First {
      readonly other: unknown;
      constructor(@inject(Other) other: unknown) {
        this.other = other;
      }
      greet = () => '';
    }
    @injectable()
    class Second {
      readonly name = '';
      readonly greeter: unknown;
      constructor(@inject(Greeter) greeter: unknown) {
        this.greeter = greeter;
      }
    }
    const plugin = definePlugin({
      name: 'round',
      provides: [Greeter, Other],
      setup({ provideClass }) {
        provideClass(Greeter, First);
        provideClass(Other, Second);
      },
    });
    expect(() => scopeOf([plugin()])).toThrow(expect.objectContaining({ code: 'E_CYCLE' }));
  });

  it.each([
    [
      'two providers of one service',
      [provider('a', Greeter)(), provider('b', Greeter)()],
      'E_TOKEN_DUPLICATE',
      /a and b/,
    ],
    ['one plugin twice', [provider('a', Greeter)(), provider('a', Greeter)()], 'E_PLUGIN_DUPLICATE', /a/],
    [
      'a service provided without a word',
      [definePlugin({ name: 'sly', setup: ({ provide }) => provide(Greeter, { greet: () => '' }) })()],
      'E_TOKEN_UNDECLARED',
      /sly/,
    ],
    [
      'a service declared and not provided',
      [definePlugin({ name: 'lazy', provides: [Greeter], setup: () => {} })()],
      'E_TOKEN_UNDECLARED',
      /lazy/,
    ],
    [
      'a setup that throws',
      [
        definePlugin({
          name: 'sad',
          setup: () => {
            throw new Error('tears');
          },
        })(),
      ],
      'E_PLUGIN_SETUP',
      /sad.*tears/,
    ],
    [
      'a hook that is none',
      [definePlugin({ name: 'typo', setup: ({ tap }) => tap('recipent' as HookName, () => undefined) })()],
      'E_HOOK_UNKNOWN',
      /typo.*recipent/,
    ],
    [
      'configuration for a plugin without any',
      [{ ...provider('bare', Greeter)(), config: { a: 1 } }],
      'E_CONFIG',
      /bare/,
    ],
  ])('refuses %s', (_what, uses, code, message) => {
    expect(() => scopeOf(uses)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('tells every issue of a configuration with plugin and path', () => {
    const schema: StandardSchema<unknown, unknown> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({
          issues: [
            { message: 'must be a number', path: ['limits', { key: 0 }, 'max'] },
            { message: 'unknown key "zonse"' },
          ],
        }),
      },
    };
    const plugin = definePlugin({ name: 'strict', config: schema, setup: () => {} });
    expect(() => scopeOf([plugin({})])).toThrow(
      'plugin strict: limits.0.max: must be a number; unknown key "zonse"',
    );
  });

  it('refuses a server hook in a listener, and shows a listener what the server provides', () => {
    const container = createContainer();
    scopeOf([provider('server', Greeter)()], undefined, container);
    const own = definePlugin({
      name: 'own',
      needs: { greeter: Greeter },
      setup: ({ services, tap }) => {
        expect(services.greeter.greet()).toBe('server');
        tap('recipient', () => undefined);
      },
    });
    const listener = { name: 'smtp', role: 'relay' as const };
    expect(scopeOf([own()], listener, container.child()).taps).toHaveLength(1);
    const wrong = definePlugin({ name: 'wrong', setup: ({ tap }) => tap('deliver', () => undefined) });
    expect(() => scopeOf([wrong()], listener, container.child())).toThrow(
      expect.objectContaining({ code: 'E_HOOK_SCOPE' }),
    );
  });
});

describe('what is kept', () => {
  it('is opened once and closed when the last holder lets go', async () => {
    const keeper = createKeeper();
    const events: string[] = [];
    const open = async () => {
      events.push('open');
      return 7;
    };
    const close = async (value: number) => void events.push(`close ${value}`);
    const [first, second] = [{}, {}];
    expect(await keeper.keep(first, 'k', open, close)).toBe(7);
    expect(await keeper.keep(second, 'k', open, close)).toBe(7);
    await keeper.letGo(first);
    expect(events).toEqual(['open']);
    await keeper.letGo(second);
    expect(events).toEqual(['open', 'close 7']);
  });

  it('is tried again after it could not be opened', async () => {
    const keeper = createKeeper();
    const close = async () => {};
    await expect(keeper.keep({}, 'k', () => Promise.reject(new Error('locked')), close)).rejects.toThrow(
      'locked',
    );
    expect(await keeper.keep({}, 'k', async () => 1, close)).toBe(1);
  });
});
