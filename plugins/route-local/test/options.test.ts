import { describe, expect, it } from 'vitest';
import { routeLocal } from '../src/index.js';
import { networkTest } from '../src/options.js';
import { basic } from './open-route-local.js';

describe('the options of route-local', () => {
  it.each([
    [{ domains: [] }, ['domains']],
    [{ domains: ['no domain'] }, ['domains', 0]],
    [{ ...basic, domain: 'x' }, []],
    [{ ...basic, aliases: { 'x@other.example': 'alice@example.org' } }, ['aliases', 'x@other.example']],
    [{ ...basic, aliases: { x: 'alice' } }, ['aliases', 'x']],
    [{ ...basic, catchAll: { 'other.example': 'alice@example.org' } }, ['catchAll', 'other.example']],
    [{ ...basic, relayDomains: ['example.org'] }, ['relayDomains', 0]],
    [{ ...basic, relayNetworks: ['10.0.0.0/33'] }, ['relayNetworks', 0]],
    [{ ...basic, relayNetworks: ['everywhere'] }, ['relayNetworks', 0]],
    [{ ...basic, postmaster: 'alice' }, ['postmaster']],
  ])('refuse %j', async (options, path) => {
    const result = await routeLocal.definition.config?.['~standard'].validate(options);
    expect(result?.issues?.[0]?.path).toEqual(path);
  });

  it('know networks of both families', () => {
    const isTrusted = networkTest(['192.0.2.1', '::1', '10.0.0.0/8', '0.0.0.0/32']);
    expect(['192.0.2.1', '::1', '10.255.0.1', '::ffff:10.0.0.1'].map(isTrusted)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['192.0.2.2', '::2', '11.0.0.1', 'unix', ''].map(isTrusted)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
