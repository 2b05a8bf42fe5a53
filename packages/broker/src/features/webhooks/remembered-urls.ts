/** What is known of receivers' URLs, remembered because the same few come with every request. */
import { problemOfUrl, type IsAllowed } from './ssrf-guard.ts';

/** What a URL says of itself never changes; the addresses of its name are checked with every connection. */
export type KnownUrl =
  { readonly problem: null; readonly origin: string; readonly path: string } | { readonly problem: string };

const REMEMBERED_URLS = 1_000;

export function rememberedUrls(isAllowed: IsAllowed): (url: string) => KnownUrl {
  const known = new Map<string, KnownUrl>();
  return (url) => {
    let one = known.get(url);
    if (one === undefined) {
      one = read(url, isAllowed);
      if (known.size >= REMEMBERED_URLS) known.clear();
      known.set(url, one);
    }
    return one;
  };
}

function read(url: string, isAllowed: IsAllowed): KnownUrl {
  const problem = problemOfUrl(url, isAllowed);
  if (problem !== null) return { problem };
  const { origin, pathname, search } = new URL(url);
  return { problem, origin, path: `${pathname}${search}` };
}
