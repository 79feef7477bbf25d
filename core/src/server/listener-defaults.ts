/** A listener's options with every default filled in, and the combinations that are refused. */
import { MailError, messageOf } from '../errors.js';
import type { ListenerOptions } from '../mta-options.js';
import type { PluginUse } from '../plugin/define.js';
import { type AddressTest, createAddressTest } from '../services/address-test.js';
import type { ListenerTls } from '../services/listeners.js';
import { defaultReceiverLimits, type ReceiverLimits } from '../smtp/receiver.js';

/** A listener as it will be. */
export interface ResolvedListener {
  readonly name: string;
  readonly host: string | undefined;
  readonly port: number;
  readonly role: ListenerOptions['role'];
  readonly tls: ListenerTls;
  readonly isTlsRequired: boolean;
  readonly senders: 'own' | 'any';
  readonly hasAuth: boolean;
  readonly isPlaintextAuthAllowed: boolean;
  readonly profile: 'strict' | 'legacy';
  readonly greetingDelayMs: number;
  readonly isProxy: AddressTest | undefined;
  readonly isTrustedForwarder: AddressTest | undefined;
  readonly limits: ReceiverLimits;
  readonly plugins: readonly PluginUse[];
}

const defaultTls = { relay: 'optional', submission: 'required', lmtp: 'none' } as const;

/** Fills in a listener; throws `E_CONFIG` when the options contradict each other or would be unsafe. */
export function resolveListener(options: ListenerOptions, hasCertificate: boolean): ResolvedListener {
  const name = options.name ?? `${options.role}:${options.port}`;
  const isPlaintextAuthAllowed = options.plaintextAuth === true;
  if (isPlaintextAuthAllowed && !isLoopback(options.host)) {
    throw new MailError(
      'E_CONFIG',
      `listener ${name}: plaintextAuth needs a loopback host, so that no password crosses a network`,
    );
  }
  // Where passwords may go in plain text, TLS is an offer.
  const wanted = options.tls ?? (isPlaintextAuthAllowed ? 'optional' : defaultTls[options.role]);
  if (!hasCertificate && (wanted === 'required' || wanted === 'implicit')) {
    throw new MailError(
      'E_CONFIG',
      `listener ${name}: tls ${wanted} needs a certificate: set tls.certificateFile or tls.selfSignedDirectory`,
    );
  }
  const isSubmission = options.role === 'submission';
  return {
    name,
    host: options.host,
    port: options.port,
    role: options.role,
    tls: wanted === 'implicit' ? 'implicit' : wanted === 'none' || !hasCertificate ? 'none' : 'starttls',
    isTlsRequired: wanted === 'required',
    senders: options.senders ?? 'own',
    hasAuth: options.auth ?? isSubmission,
    isPlaintextAuthAllowed,
    profile: options.profile ?? 'strict',
    greetingDelayMs: options.greetingDelayMs ?? 0,
    isProxy: addressTest(name, 'proxyFrom', options.proxyFrom),
    isTrustedForwarder: addressTest(name, 'xclientFrom', options.xclientFrom),
    limits: { ...defaultReceiverLimits, ...options.limits },
    plugins: options.plugins ?? [],
  };
}

function addressTest(
  listener: string,
  option: string,
  networks: readonly string[] = [],
): AddressTest | undefined {
  if (networks.length === 0) return undefined;
  try {
    return createAddressTest(networks);
  } catch (cause) {
    throw new MailError('E_CONFIG', `listener ${listener}: ${option}: ${messageOf(cause)}`, { cause });
  }
}

function isLoopback(host: string | undefined): boolean {
  return host !== undefined && (host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host));
}
