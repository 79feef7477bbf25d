/** Addresses that mail for strangers is never sent to: our own machine and private networks. */
import { BlockList, isIPv6 } from 'node:net';

/** RFC 6890 and its registry: networks that the Internet does not route. */
const privateNetworks: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
];

const privateList = new BlockList();
for (const [network, prefix] of privateNetworks)
  privateList.addSubnet(network, prefix, isIPv6(network) ? 'ipv6' : 'ipv4');

/** Whether the address is one that a stranger's MX record must not send us to. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return privateList.check(mapped, 'ipv4');
  if (/^::ffff:/i.test(address)) return true;
  return privateList.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
