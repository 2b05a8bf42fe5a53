import { describe, expect, it } from 'vitest';
import { addressMatcher, isAddressOrNetwork } from './networks.ts';

describe('a list of networks', () => {
  const isOn = addressMatcher(['10.1.0.0/16', '203.0.113.7', '2001:db8::/32', '::1']);

  it.each(['10.1.255.255', '::ffff:10.1.0.1', '203.0.113.7', '2001:db8:1::5', '::1', '2001:db8::1%eth0'])(
    'has %s on it',
    (address) => expect(isOn(address)).toBe(true),
  );

  it.each(['10.2.0.0', '::ffff:10.2.0.1', '203.0.113.8', '2001:db9::1', '::2', '', 'nonsense'])(
    'has not %s on it',
    (address) => expect(isOn(address)).toBe(false),
  );

  it('is made of addresses and networks, and of nothing else', () => {
    for (const good of ['10.0.0.0/8', '10.0.0.1', '0.0.0.0/0', '::/0', 'fe80::1', '2001:db8::/128'])
      expect(isAddressOrNetwork(good), good).toBe(true);
    for (const bad of [
      '',
      '10.0.0.0/33',
      '10.0.0/8',
      '::/129',
      'host',
      '10.0.0.1/',
      '10.0.0.1/8/8',
      'fe80::1%eth0',
    ])
      expect(isAddressOrNetwork(bad), bad).toBe(false);
  });
});
