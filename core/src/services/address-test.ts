/** Lists of addresses and networks, as options name them. */
import { BlockList, isIP } from 'node:net';

/** Whether an address is on a list. */
export type AddressTest = (address: string) => boolean;

/** A test for a list of `192.0.2.0/24`, `2001:db8::/32` or plain addresses; throws `RangeError` when one is neither. */
export function createAddressTest(networks: readonly string[]): AddressTest {
  const list = new BlockList();
  for (const network of networks) add(list, network);
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function add(list: BlockList, network: string): void {
  const [address = '', prefix, ...more] = network.split('/');
  const version = isIP(address);
  const bitsMax = version === 4 ? 32 : 128;
  const isNumber = prefix === undefined || /^\d{1,3}$/.test(prefix);
  const bits = prefix === undefined ? bitsMax : Number(prefix);
  if (version === 0 || !isNumber || bits > bitsMax || more.length > 0) {
    throw new RangeError(`not an address or network: ${network}`);
  }
  list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
}
