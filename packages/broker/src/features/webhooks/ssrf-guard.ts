/** Keeps webhooks out of private networks: which addresses may be called, checked where a connection is made. */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';

export type IsAllowed = (address: string) => boolean;
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
  readonly code = 'ADDRESS_REFUSED';
  constructor() {
    super('The host has an address that webhooks may not call.');
  }
}

/** What is not global unicast (IANA special-purpose registries). */
const REFUSED_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
];
/** Everything outside is refused: loopback, link-local, ULA, multicast, IPv4-mapped, NAT64, and what comes to be. */
const GLOBAL_V6 = ['2000::/3'];
/** Protocol assignments with Teredo, documentation, 6to4: an IPv4 address of anybody's choice may hide in them. */
const REFUSED_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const refusedV4 = blockList(REFUSED_V4);
const globalV6 = blockList(GLOBAL_V6);
const refusedV6 = blockList(REFUSED_V6);

/** Global unicast, or within one of these CIDRs. Throws when one of them is no CIDR. */
export function addressGuard(allowCidrs: readonly string[]): IsAllowed {
  const allowed = blockList(allowCidrs);
  return (address) => {
    const [bare = ''] = address.split('%');
    const version = isIP(bare);
    if (version === 0) return false;
    const family = version === 6 ? 'ipv6' : 'ipv4';
    if (allowed.check(bare, family)) return true;
    if (family === 'ipv4') return !refusedV4.check(bare, family);
    return globalV6.check(bare, family) && !refusedV6.check(bare, family);
  };
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', bits = ''] = cidr.split('/');
    if (isIP(network) === 0 || !/^\d{1,3}$/.test(bits)) throw new Error(`${cidr} is not a CIDR.`);
    list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
  }
  return list;
}

const MAX_URL_LENGTH = 2048;
/** Of a name in the DNS. */
const MAX_HOST_LENGTH = 253;

/** What is obviously wrong with a receiver's URL, without asking the network; null when nothing is. */
export function problemOfUrl(text: string, isAllowed: IsAllowed = addressGuard([])): string | null {
  if (text.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`;
  if (/[\s\p{Cc}]/u.test(text) || !URL.canParse(text)) return 'must be a URL';
  const { protocol, username, password, hostname } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https:// or http://';
  if (username !== '' || password !== '') return 'must not hold a user or a password';
  if (hostname.length > MAX_HOST_LENGTH) return `must have a host of at most ${MAX_HOST_LENGTH} characters`;
  const address = literalAddress(hostname);
  return address === null || isAllowed(address) ? null : 'must not point into a private network';
}

/** The URL parser has made plain addresses of decimal, hexadecimal and octal notations. */
function literalAddress(hostname: string): string | null {
  if (/^(.+\.)?localhost\.?$/.test(hostname)) return '127.0.0.1';
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? null : bare;
}

/** Several calls to one host share a lookup, so that a dead name server holds few of the threads that resolve. */
function systemResolve(): Resolve {
  const running = new Map<string, Promise<LookupAddress[]>>();
  return (hostname) => {
    const known = running.get(hostname);
    if (known) return known;
    const asked = lookup(hostname, { all: true }).finally(() => running.delete(hostname));
    running.set(hostname, asked);
    return asked;
  };
}

interface GuardSettings {
  readonly isAllowed: IsAllowed;
  readonly timeoutMs: number;
  readonly resolve?: Resolve;
}

/**
 * A connector for undici. A name is resolved once for each connection; if one of its addresses is refused all are, and
 * the socket gets none but the checked ones: a name that changes its mind changes nothing.
 */
export function guardedConnector({
  isAllowed,
  timeoutMs,
  resolve = systemResolve(),
}: GuardSettings): buildConnector.connector {
  const connect = buildConnector({
    lookup: guardedLookup(isAllowed, resolve),
    timeout: timeoutMs,
    allowH2: false,
  });
  return (options, callback) => {
    // The socket asks no lookup about what is an address already.
    if (isIP(options.hostname) !== 0 && !isAllowed(options.hostname)) callback(new AddressRefused(), null);
    else connect(options, callback);
  };
}

function guardedLookup(isAllowed: IsAllowed, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (!first || !addresses.every(({ address }) => isAllowed(address)))
          callback(new AddressRefused(), [], 0);
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, [], 0),
    );
  };
}
