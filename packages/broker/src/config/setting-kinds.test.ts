import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  durations,
  failpoints,
  integer,
  oneOf,
  someOf,
  text,
  toggle,
  upstreamUrls,
  url,
} from './setting-kinds.ts';

describe('text', () => {
  it('takes anything but nothing', () => {
    expect(text.parse('llama3:8b')).toBe('llama3:8b');
    expect(text.parse('')).toBeUndefined();
  });
});

describe('a toggle', () => {
  it.each([
    { then: true, given: ['true', 'TRUE', '1', 'yes', 'on'] },
    { then: false, given: ['false', 'False', '0', 'no', 'off'] },
    { then: undefined, given: ['', '2', 'ja', 'truely', 'not on', ' true'] },
  ])('is $then when it says one of $given', ({ given, then }) => {
    for (const value of given) expect(toggle.parse(value), value).toBe(then);
  });
});

describe('a whole number', () => {
  it('is taken exactly when it is within the bounds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), fc.integer(), (a, b, value) => {
        const [min, max] = a < b ? [a, b] : [b, a];
        expect(integer(min, max).parse(String(value))).toBe(value >= min && value <= max ? value : undefined);
        expect(integer(min, max).parse(String(max))).toBe(max);
        expect(integer(min, max).parse(String(min))).toBe(min);
      }),
    );
  });

  it.each(['', ' 1', '1 ', '1.0', '1e2', '0x10', '1_000', '+1', 'NaN', 'Infinity', '--1'])(
    'is not %j',
    (value) => {
      expect(integer(-1000, 1000).parse(value)).toBeUndefined();
    },
  );

  it('says its bounds', () => {
    expect(integer(1, 100).expects).toBe('a whole number from 1 to 100');
  });
});

describe('some of a few words', () => {
  it('are those, or none', () => {
    const kind = someOf('pull', 'delete');
    expect(kind.parse('delete, pull')).toEqual(['delete', 'pull']);
    expect(kind.parse('')).toEqual([]);
    for (const wrong of ['push', 'pull,', 'pull delete']) expect(kind.parse(wrong), wrong).toBeUndefined();
    expect(kind.expects).toBe('any of pull, delete, comma separated');
  });
});

describe('a size', () => {
  const size = bytes(1024, 64 * 1024 ** 2);

  it.each([
    { given: '1048576', then: 1_048_576 },
    { given: '1024KiB', then: 1_048_576 },
    { given: '1MiB', then: 1_048_576 },
    { given: '1 mib', then: 1_048_576 },
    { given: '64MiB', then: 67_108_864 },
    { given: '1KiB', then: 1024 },
    { given: '1023', then: undefined },
    { given: '65MiB', then: undefined },
    { given: '1GiB', then: undefined },
    { given: '1.5MiB', then: undefined },
    { given: '-1MiB', then: undefined },
    { given: '1MB', then: undefined },
    { given: 'MiB', then: undefined },
    { given: '', then: undefined },
  ])('of $given is $then', ({ given, then }) => {
    expect(size.parse(given)).toBe(then);
  });

  it('may be in GiB where so much is allowed', () => {
    expect(bytes(0, 2 * 1024 ** 3).parse('2GiB')).toBe(2_147_483_648);
  });
});

describe('one of several', () => {
  it('is one of them, letter by letter', () => {
    const level = oneOf('info', 'warn');
    expect(level.parse('warn')).toBe('warn');
    for (const value of ['', 'WARN', 'war', 'toString']) expect(level.parse(value), value).toBeUndefined();
    expect(level.expects).toBe('one of info, warn');
  });
});

describe('a URL', () => {
  const database = url('mysql:', 'mariadb:');

  it.each(['mysql://root:secret@127.0.0.1:3306/fila', 'mariadb://db/fila', 'MySQL://db/fila'])(
    'is %s, as it was given',
    (value) => {
      expect(database.parse(value)).toBe(value);
    },
  );

  it.each(['', 'mysql', 'mysql:fila', ' mysql://db/fila', 'postgres://db/fila', 'mysql://db:port/fila'])(
    'is not %j',
    (value) => {
      expect(database.parse(value)).toBeUndefined();
    },
  );

  it('says how it starts', () => {
    expect(database.expects).toBe('a URL that starts with mysql:// or mariadb://');
  });
});

describe('times', () => {
  it('have units, and come in milliseconds', () => {
    expect(durations.parse('500ms, 5s,2m , 24h')).toEqual([500, 5_000, 120_000, 86_400_000]);
  });

  it.each(['', '5', '5 s', '-1s', '1s,', '1d', '169h', '1e3s', '0.5s'])('"%s" are none', (value) => {
    expect(durations.parse(value)).toBeUndefined();
  });
});

describe('the Ollama servers', () => {
  it('have as many slots as they turn out to carry unless they say otherwise', () => {
    expect(upstreamUrls.parse('http://a:11434, https://b/#slots=4,http://c#slots=auto')).toEqual([
      { url: 'http://a:11434', slots: 'auto' },
      { url: 'https://b', slots: 4 },
      { url: 'http://c', slots: 'auto' },
    ]);
  });

  it.each([
    { given: '', why: 'there has to be one' },
    { given: 'http://a,', why: 'nothing follows the comma' },
    { given: 'a:11434', why: 'it has no protocol' },
    { given: 'ftp://a', why: 'it is not http' },
    { given: 'http://a/api', why: 'a path would be lost' },
    { given: 'http://a/?x=1', why: 'a query would be lost' },
    { given: 'http://user@a', why: 'a user would be lost' },
    { given: 'http://:password@a', why: 'a password would be lost' },
    { given: 'http://a#slots=0', why: 'it has no slot' },
    { given: 'http://a#slots=257', why: 'it has too many slots' },
    { given: 'http://a#slots=autos', why: 'auto is written otherwise' },
    { given: 'http://a#slots=', why: 'the slots are missing' },
    { given: 'http://a#slot=4', why: 'the word is wrong' },
    { given: 'http://a,http://a/', why: 'it is named twice' },
    { given: 'http://a,http://A:80#slots=2', why: 'it is named twice in other words' },
  ])('are refused as $given, because $why', ({ given }) => {
    expect(upstreamUrls.parse(given)).toBeUndefined();
  });

  it('keep their order and their slots, however many there are', () => {
    const servers = fc.uniqueArray(
      fc.record({
        port: fc.integer({ min: 1024, max: 65535 }),
        slots: fc.oneof(fc.integer({ min: 1, max: 256 }), fc.constant('auto' as const)),
      }),
      { selector: (one) => one.port, minLength: 1, maxLength: 10 },
    );
    fc.assert(
      fc.property(servers, (given) => {
        const list = given.map(({ port, slots }) => ({ url: `http://10.0.0.1:${port}`, slots }));
        expect(upstreamUrls.parse(list.map((one) => `${one.url}#slots=${one.slots}`).join(','))).toEqual(
          list,
        );
      }),
    );
  });
});

describe('failpoints', () => {
  it('are known points with actions, or none', () => {
    for (const value of ['', 'ledger.after_commit:crash@3', 'lanes.next:error; settle.retry:delay(50)@2'])
      expect(failpoints.parse(value)).toBe(value);
  });

  it.each(['ledger.after_comit:crash', 'lanes.next', 'lanes.next:explode', 'lanes.next:error;x:crash'])(
    'are refused as %s',
    (value) => expect(failpoints.parse(value)).toBeUndefined(),
  );
});
