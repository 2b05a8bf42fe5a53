/** Under which name the calls of one address are counted. */
import { isIPv6 } from 'node:net';

/** IPv4 as it is, also inside IPv6; of IPv6 the /64 network, of which one subscriber has all addresses. */
export function clientAddress(ip: string): string {
  if (!ip.includes(':')) return ip;
  const [bare = ''] = ip.toLowerCase().split('%');
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare) ?? [];
  if (mapped) return mapped;
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const [left, right] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const missing = tail === undefined ? 0 : 8 - left!.length - right!.length;
  const groups = [...left!, ...Array<string>(Math.max(0, missing)).fill('0'), ...right!];
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
