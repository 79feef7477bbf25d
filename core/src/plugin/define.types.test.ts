/** What the compiler must refuse in a plugin; the run itself only shows that the file was compiled. */
import { expect, it } from 'vitest';
import { optional } from '../di/token.js';
import { Clock } from '../services/clock.js';
import { Resolver } from '../services/resolver.js';
import { accept } from '../values/verdict.js';
import { definePlugin } from './define.js';
import type { StandardSchema } from './standard-schema.js';

const schema: StandardSchema<{ zones: string[]; weight?: number }, { zones: string[]; weight: number }> = {
  '~standard': { version: 1, vendor: 'test', validate: () => ({ value: { zones: [], weight: 1 } }) },
};

const checked = definePlugin({
  name: 'check-types',
  config: schema,
  needs: { clock: Clock, resolver: optional(Resolver) },
  setup({ config, services, tap }) {
    const weight: number = config.weight;
    const now: number = services.clock.now() + weight;
    // @ts-expect-error an optional service may be missing
    services.resolver.mx('example.org');
    // @ts-expect-error a service that was not asked for
    services.random.number();
    tap('recipient', (transaction, recipient, signal) => {
      const facts: [string, string, boolean] = [transaction.id, recipient.address.domain, signal.aborted];
      return facts.length > now ? accept() : undefined;
    });
    // @ts-expect-error a misspelt hook
    tap('recipent', () => undefined);
    // @ts-expect-error a finding is no verdict
    tap('recipient', () => ({ source: 'x' }));
    // @ts-expect-error an unknown option
    tap('connect', () => undefined, { priority: 10 });
    tap('inspect', () => ({ source: 'check-types', score: 1 }));
    tap('closed', () => {});
  },
});

it('checks configurations where a plugin is used', () => {
  checked({ zones: ['bl.example'] });
  // @ts-expect-error the configuration is needed
  checked();
  // @ts-expect-error a misspelt key
  checked({ zone: ['bl.example'] });
  expect(checked.definition.name).toBe('check-types');
});
