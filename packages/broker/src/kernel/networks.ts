/** Lists of addresses and networks, IPv4 and IPv6, and whether an address is on one. */
import { BlockList, isIP, isIPv6 } from 'node:net';

/** An address alone (203.0.113.7) or a network in CIDR notation (10.0.0.0/8). */
export function isAddressOrNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && (bits === undefined || Number(bits) <= (version === 4 ? 32 : 128));
}

/** IPv4 inside IPv6 (::ffff:10.0.0.1) is the IPv4 address. */
export function addressMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (given) => {
    const [address = ''] = given.split('%');
    return isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  };
}
