/** No address outside of the global internet is ever connected to, however it is written, resolved or redirected to. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressGuard, guardedConnector, problemOfUrl, type Resolve } from './ssrf-guard.ts';

const isAllowed = addressGuard([]);

describe('the guard of addresses', () => {
  it.each([
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1'],
    ...['127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1'],
    ...['192.88.99.1', '192.168.0.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1'],
    ...['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::7f00:1'],
    ...['64:ff9b::808:808', '64:ff9b:1::1', '100::1', 'fc00::1', 'fdff::1', 'fe80::1', 'fe80::1%eth0'],
    ...['febf::1', 'fec0::1', 'ff02::1', '2001:db8::1', '2001::1', '2001:0:7f00:1::', '2002:7f00:1::1'],
    ...['3fff::1', '4000::1', '5f00::1', '1::1'],
    ...['', 'localhost', '127.1', '0x7f000001', '1.2.3', 'example.org'],
  ])('refuses %s', (address) => {
    expect(isAllowed(address)).toBe(false);
  });

  it.each([
    ...[
      '1.1.1.1',
      '8.8.8.8',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
    ],
    ...['128.0.0.0', '169.253.255.255', '172.15.255.255', '172.32.0.0', '192.167.255.255', '198.17.255.255'],
    ...['198.20.0.0', '223.255.255.255', '2606:4700::1111', '2a00:1450::1', '2003::1', '2001:200::1'],
  ])('lets %s through', (address) => {
    expect(isAllowed(address)).toBe(true);
  });

  it('agrees on every IPv4 address with arithmetic', () => {
    const inside = (ip: number, network: string, bits: number): boolean => {
      const base = network.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
      return Math.floor(ip / 2 ** (32 - bits)) === Math.floor(base / 2 ** (32 - bits));
    };
    const refused: [string, number][] = [
      ...([
        ['0.0.0.0', 8],
        ['10.0.0.0', 8],
        ['100.64.0.0', 10],
        ['127.0.0.0', 8],
      ] as [string, number][]),
      ...([
        ['169.254.0.0', 16],
        ['172.16.0.0', 12],
        ['192.0.0.0', 24],
      ] as [string, number][]),
      ...([
        ['192.0.2.0', 24],
        ['192.88.99.0', 24],
        ['192.168.0.0', 16],
      ] as [string, number][]),
      ...([
        ['198.18.0.0', 15],
        ['198.51.100.0', 24],
        ['203.0.113.0', 24],
      ] as [string, number][]),
      ...([
        ['224.0.0.0', 4],
        ['240.0.0.0', 4],
      ] as [string, number][]),
    ];
    const dotted = (ip: number): string =>
      [24, 16, 8, 0].map((by) => Math.floor(ip / 2 ** by) % 256).join('.');
    const near = fc
      .tuple(fc.constantFrom(...refused), fc.integer({ min: -2, max: 2 }), fc.boolean())
      .map(([[network, bits], by, atEnd]) => {
        const base = network.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
        return (base + (atEnd ? 2 ** (32 - bits) : 0) + by + 2 ** 32) % 2 ** 32;
      });
    fc.assert(
      fc.property(fc.oneof(fc.nat(2 ** 32 - 1), near), (ip) => {
        expect(isAllowed(dotted(ip))).toBe(!refused.some(([network, bits]) => inside(ip, network, bits)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets no IPv6 address through outside of 2000::/3, nor any in which an IPv4 address hides', () => {
    const words = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
    const special = fc.constantFrom([0x2001, 0x0db8], [0x2001, 0], [0x2002], [0x3fff, 0], [0x64, 0xff9b]);
    fc.assert(
      fc.property(words, fc.option(special), (random, prefix) => {
        const parts = prefix ? [...prefix, ...random.slice(prefix.length)] : random;
        const [first = 0, second = 0] = parts;
        const isGlobal =
          first >= 0x2000 &&
          first <= 0x3fff &&
          !(first === 0x2001 && (second < 0x200 || second === 0xdb8)) &&
          first !== 0x2002 &&
          !(first === 0x3fff && second < 0x1000);
        expect(isAllowed(parts.map((part) => part.toString(16)).join(':'))).toBe(isGlobal);
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets through what the operator allows, and nothing beside it', () => {
    const guard = addressGuard(['10.1.0.0/16', 'fd00:1::/32', '127.0.0.1/32']);
    for (const address of ['10.1.2.3', 'fd00:1::5', '127.0.0.1', '8.8.8.8'])
      expect(guard(address)).toBe(true);
    for (const address of ['10.2.0.1', 'fd00:2::5', '127.0.0.2', '169.254.169.254', '::1'])
      expect(guard(address)).toBe(false);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', '/8', 'lan'])(
    'takes no %s for a CIDR',
    (cidr) => {
      expect(() => addressGuard([cidr])).toThrow();
    },
  );
});

describe('what is wrong with a URL', () => {
  it.each([
    ['https://receiver.example/hook?token=1', null],
    ['http://receiver.example:8080/', null],
    ['https://8.8.8.8/', null],
    ['https://[2606:4700::1111]/', null],
    ['ftp://receiver.example/', 'must begin with'],
    ['file:///etc/passwd', 'must begin with'],
    ['javascript:alert(1)', 'must begin with'],
    ['//receiver.example/', 'must be a URL'],
    ['receiver.example', 'must be a URL'],
    ['', 'must be a URL'],
    ['https://', 'must be a URL'],
    ['https://a b/', 'must be a URL'],
    ['https://receiver.example/\n', 'must be a URL'],
    ['https://user@receiver.example/', 'user or a password'],
    ['https://:secret@receiver.example/', 'user or a password'],
    ['http://localhost:3000/', 'private network'],
    ['http://app.localhost/', 'private network'],
    ['http://127.0.0.1/', 'private network'],
    ['http://127.1/', 'private network'],
    ['http://2130706433/', 'private network'],
    ['http://0x7f000001/', 'private network'],
    ['http://0177.0.0.1/', 'private network'],
    ['http://127.0.0.1./', 'private network'],
    ['http://１２７.0.0.1/', 'private network'],
    ['http://169.254.169.254/latest/meta-data', 'private network'],
    ['http://[::1]/', 'private network'],
    ['http://[::ffff:10.0.0.1]/', 'private network'],
    ['http://[fe80::1]/', 'private network'],
    [`https://${'a.'.repeat(130)}example/`, 'at most 253'],
    [`https://receiver.example/${'a'.repeat(2048)}`, 'at most 2048'],
  ])('%s: %s', (url, problem) => {
    if (problem === null) expect(problemOfUrl(url)).toBeNull();
    else expect(problemOfUrl(url)).toContain(problem);
  });

  it('is found in every notation of every refused IPv4 address', () => {
    const notations = (ip: number): string[] => {
      const parts = [24, 16, 8, 0].map((by) => Math.floor(ip / 2 ** by) % 256);
      return [
        ...[parts.join('.'), String(ip), `0x${ip.toString(16)}`, `0${ip.toString(8)}`],
        parts.map((part) => `0x${part.toString(16)}`).join('.'),
        parts.map((part) => `0${part.toString(8)}`).join('.'),
        `${parts[0]}.${ip % 2 ** 24}`,
        `[::ffff:${parts.join('.')}]`,
      ];
    };
    const first = fc.constantFrom(10, 127, 0, 224, 255);
    fc.assert(
      fc.property(first, fc.nat(2 ** 24 - 1), (head, rest) => {
        for (const host of notations(head * 2 ** 24 + rest))
          expect(problemOfUrl(`http://${host}/`), host).toContain('private network');
      }),
    );
  });

  it('is not what the operator allows', () => {
    const guard = addressGuard(['127.0.0.0/8']);
    expect(problemOfUrl('http://127.0.0.1:3000/', guard)).toBeNull();
    expect(problemOfUrl('http://localhost:3000/', guard)).toBeNull();
    expect(problemOfUrl('http://10.0.0.1/', guard)).toContain('private network');
  });
});

describe('a connection', () => {
  let server: Server;
  let port: number;
  let calls = 0;
  beforeAll(async () => {
    server = createServer((_request, response) => {
      calls += 1;
      response.end('inside');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  /** What comes of a call to `host`, where names resolve so. */
  async function call(host: string, allow: readonly string[] = [], resolve?: Resolve): Promise<string> {
    const connect = guardedConnector({ isAllowed: addressGuard(allow), timeoutMs: 2_000, resolve });
    const agent = new Agent({ connect, pipelining: 0 });
    try {
      const { body } = await request(`http://${host}:${port}/`, { dispatcher: agent });
      return await body.text();
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await agent.destroy();
    }
  }

  const v4 = (address: string) => ({ address, family: 4 });

  it.each(['127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]'])(
    'to %s is refused before it is made',
    async (host) => {
      const before = calls;
      expect(await call(host)).toBe('ADDRESS_REFUSED');
      expect(calls).toBe(before);
    },
  );

  it.each([
    ['one private address', [v4('127.0.0.1')]],
    ['a private address among public ones', [v4('8.8.8.8'), v4('127.0.0.1')]],
    ['the metadata service', [v4('169.254.169.254')]],
    ['a mapped address', [{ address: '::ffff:127.0.0.1', family: 6 }]],
    ['no address', []],
  ])('to a name with %s is refused', async (_what, addresses) => {
    const before = calls;
    expect(await call('receiver.example', [], async () => addresses)).toBe('ADDRESS_REFUSED');
    expect(calls).toBe(before);
  });

  it('to a name goes to the address that was checked: the name is asked once, and cannot change its mind', async () => {
    let asked = 0;
    const rebinding: Resolve = async () => [v4(++asked % 2 === 1 ? '127.0.0.1' : '127.0.0.2')];
    const allow = ['127.0.0.1/32'];
    expect(await call('rebinding.example', allow, rebinding)).toBe('inside');
    expect(asked).toBe(1);
    expect(await call('rebinding.example', allow, rebinding)).toBe('ADDRESS_REFUSED');
    expect(asked).toBe(2);
  });

  it('to a name that does not exist fails with the error of the resolver', async () => {
    const unknown: Resolve = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    expect(await call('receiver.example', [], unknown)).toBe('ENOTFOUND');
  });
});
