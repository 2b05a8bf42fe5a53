/** The kinds of values a setting can have, each with what it expects in words. */
import { isIP } from 'node:net';
import { problemsOfFailpoints } from '../kernel/failpoints.ts';
import type { SettingKind } from './setting-row.ts';

export const text: SettingKind<string> = {
  expects: 'text',
  parse: (value) => (value === '' ? undefined : value),
};

/** As a request may name one. */
export const modelName: SettingKind<string> = {
  expects: 'the name of a model, such as llama3:8b',
  parse: (value) => (/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$/.test(value) ? value : undefined),
};

export const toggle: SettingKind<boolean> = {
  expects: 'true or false',
  parse: (value) =>
    /^(true|1|yes|on)$/i.test(value) ? true : /^(false|0|no|off)$/i.test(value) ? false : undefined,
};

export function integer(min: number, max: number): SettingKind<number> {
  return {
    expects: `a whole number from ${min} to ${max}`,
    parse: (value) => {
      const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

/** A size: 1048576, 1024KiB or 1MiB. */
export function bytes(min: number, max: number): SettingKind<number> {
  const units: Record<string, number> = { '': 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };
  return {
    expects: `a size from ${min} to ${max} bytes, such as 1048576 or 1MiB`,
    parse: (value) => {
      const [, digits, unit] = /^(\d+)\s*(kib|mib|gib|)$/i.exec(value) ?? [];
      const size = Number(digits) * (units[unit?.toLowerCase() ?? ''] ?? Number.NaN);
      return size >= min && size <= max ? size : undefined;
    },
  };
}

export function oneOf<const T extends string>(...values: readonly T[]): SettingKind<T> {
  return { expects: `one of ${values.join(', ')}`, parse: (value) => values.find((one) => one === value) };
}

/** Some of these, or none. */
export function someOf<const T extends string>(...values: readonly T[]): SettingKind<readonly T[]> {
  return {
    expects: `any of ${values.join(', ')}, comma separated`,
    parse: (value) => {
      const list = value === '' ? [] : value.split(',').map((part) => part.trim());
      return list.every((one): one is T => values.some((known) => known === one)) ? list : undefined;
    },
  };
}

export function url(...protocols: readonly string[]): SettingKind<string | null> {
  return {
    expects: `a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    parse: (value) =>
      URL.canParse(value) && protocols.some((protocol) => value.toLowerCase().startsWith(`${protocol}//`))
        ? value
        : undefined,
  };
}

export interface UpstreamUrl {
  readonly url: string;
  /** Calls of one model that may run there at once; `auto`: what it turns out to carry. */
  readonly slots: number | 'auto';
  /** Models that stay loaded there at once, as its OLLAMA_MAX_LOADED_MODELS says; absent: Fila finds out what fits. */
  readonly maxModels?: number;
}

export const upstreamUrls: SettingKind<readonly UpstreamUrl[]> = {
  expects:
    'http URLs, comma separated, each with an optional #slots=N&max_models=N (1 to 256; slots also auto)',
  parse: (value) => {
    const list = value.split(',').map((part) => upstreamUrl(part.trim()));
    const found = list.filter((one) => one !== undefined);
    const distinct = new Set(found.map((one) => one.url)).size;
    return found.length === list.length && distinct === list.length ? found : undefined;
  },
};

function upstreamUrl(value: string): UpstreamUrl | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, origin, pathname, hash, username, password, search } = new URL(value);
  const given = numbersOf(hash.slice(1));
  const plain =
    (protocol === 'http:' || protocol === 'https:') &&
    `${username}${password}${search}` === '' &&
    pathname === '/';
  return plain && given ? { url: origin, slots: 'auto', ...given } : undefined;
}

/** Undefined when one has a wrong name or value. */
function numbersOf(hash: string): Partial<UpstreamUrl> | undefined {
  const names: Readonly<Record<string, string>> = { slots: 'slots', max_models: 'maxModels' };
  const pairs = [...new URLSearchParams(hash)].map(([name, value]) => [
    Object.hasOwn(names, name) ? names[name] : undefined,
    name === 'slots' && value === 'auto' ? 'auto' : integer(1, 256).parse(value),
  ]);
  return pairs.every((pair) => !pair.includes(undefined)) ? Object.fromEntries(pairs) : undefined;
}

/** Networks in CIDR notation, IPv4 and IPv6. */
export const networks: SettingKind<readonly string[]> = {
  expects: 'networks in CIDR notation, comma separated',
  parse: (value) => {
    const list = value === '' ? [] : value.split(',').map((part) => part.trim());
    return list.every(isNetwork) ? list : undefined;
  },
};

/** Names without spaces. */
export const names: SettingKind<readonly string[]> = {
  expects: 'names, comma separated',
  parse: (value) => {
    const list = value === '' ? [] : value.split(',').map((part) => part.trim());
    return list.every((name) => /^\S+$/.test(name)) ? list : undefined;
  },
};

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const LONGEST_MS = 7 * 24 * 3_600_000;

/** In milliseconds. */
export const durations: SettingKind<readonly number[]> = {
  expects: 'times up to 168h with their units, comma separated, such as 500ms, 5s, 30m, 2h',
  parse: (value) => {
    const list = value.split(',').map((part) => {
      const [, digits, unit = ''] = /^(\d{1,9})(ms|s|m|h)$/.exec(part.trim()) ?? [];
      return Number(digits) * UNIT_MS[unit]!;
    });
    return list.every((ms) => ms <= LONGEST_MS) ? list : undefined;
  },
};

function isNetwork(value: string): boolean {
  const [, address = '', prefix] = /^(.+)\/(\d{1,3})$/.exec(value) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(prefix) <= (version === 4 ? 32 : 128);
}

/** Where Fila fails on purpose; empty is nowhere. */
export const failpoints: SettingKind<string> = {
  expects:
    'known points with an action each, such as ledger.after_commit:crash@3;settle.before_write:delay(50)',
  parse: (value) => (problemsOfFailpoints(value).length === 0 ? value : undefined),
};
