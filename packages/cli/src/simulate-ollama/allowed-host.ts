/** Ollama's guard against other sites' pages: a server on a loopback address answers local names only. */
import { BlockList, isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

const local = new BlockList();
local.addSubnet('127.0.0.0', 8, 'ipv4');
local.addSubnet('10.0.0.0', 8, 'ipv4');
local.addSubnet('172.16.0.0', 12, 'ipv4');
local.addSubnet('192.168.0.0', 16, 'ipv4');
local.addAddress('0.0.0.0', 'ipv4');
local.addAddress('::1', 'ipv6');
local.addAddress('::', 'ipv6');
local.addSubnet('fc00::', 7, 'ipv6');

/** A caller says the same in each of its calls. */
let lastAllowed = '';

/** Whether a call with this Host header is answered. The port does not matter. */
export function isAllowedHost(header = ''): boolean {
  if (header === lastAllowed) return true;
  const isAllowed = isAllowedName(hostName(header));
  if (isAllowed) lastAllowed = header;
  return isAllowed;
}

function isAllowedName(name: string): boolean {
  const family = isIP(name);
  if (family !== 0) return local.check(name, family === 4 ? 'ipv4' : 'ipv6') || isOwnAddress(name);
  return (
    name === '' ||
    name === 'localhost' ||
    name === hostname().toLowerCase() ||
    /\.(localhost|local|internal)$/.test(name)
  );
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function hostName(header: string): string {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(header);
  return (bracketed?.[1] ?? header.replace(/:\d+$/, '')).toLowerCase();
}

function isOwnAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((entry) => entry.address === address));
}
