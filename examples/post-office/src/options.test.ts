import { describe, expect, it } from 'vitest';
import { type PostOfficeOptions, readOptions } from './options.js';

function read(args: readonly string[], environment: Record<string, string> = {}): PostOfficeOptions {
  const options = readOptions(args, environment);
  if (options === 'help') throw new Error('help was asked for');
  return options;
}

describe('the options of the post office', () => {
  it('have defaults that stay on this machine', () => {
    expect(read([])).toMatchObject({
      host: '127.0.0.1',
      domain: 'example.org',
      hostname: 'mail.example.org',
      dataDirectory: '.postroad',
      ports: { smtp: 2525, pop3s: 2995 },
      isPrivateMxAllowed: false,
    });
  });

  it('are taken from flags before the environment', () => {
    const environment = {
      POSTROAD_DOMAIN: 'Example.NET',
      POSTROAD_PORT_IMAP: '143',
      POSTROAD_PORT_SMTP: '25',
      POSTROAD_MX_PRIVATE: '1',
    };
    const options = read(['--port', 'smtp=2626', '--retry', '0.5,60'], environment);
    expect(options).toMatchObject({
      domain: 'example.net',
      hostname: 'mail.example.net',
      ports: { imap: 143, smtp: 2626 },
      isPrivateMxAllowed: true,
      retryDelaysMs: [500, 60_000],
    });
  });

  it('of how many processes share the work come from the environment', () => {
    expect(read([]).workers).toBe(1);
    expect(read([], { POSTROAD_WORKERS: 'auto' }).workers).toBe('auto');
    expect(() => read([], { POSTROAD_WORKERS: '0' })).toThrow('no number of processes: 0');
  });

  it.each([
    [['--port', 'smtpp=1'], 'the names are smtp, submission'],
    [['--port', 'toString=1'], 'the names are smtp, submission'],
    [['--port', 'smtp=99999'], '99999 is not a port number'],
    [['--port', 'smtp='], 'is not a port number'],
    [['--mx-port', 'x'], 'x is not a port number'],
    [['--retry', 'soon'], 'say seconds'],
    [['--retry', '60,,'], 'say seconds'],
    [['--max-size', '5M'], 'say a number of octets'],
    [['--log', 'loud'], 'say one of debug'],
    [['--colour', 'red'], "'--colour'"],
  ])('are refused when wrong: %j', (args, complaint) => {
    expect(() => read(args)).toThrow(complaint);
  });
});
