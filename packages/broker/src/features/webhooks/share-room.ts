/** Shares free places among the hosts that have something due. Pure. */

export interface Places {
  /** How many are free in all. */
  readonly room: number;
  /** How many each host uses now. */
  readonly usedBy: (host: string) => number;
  /** How many each host may use. */
  readonly limitOf: (host: string) => number;
}

/** One each in turn, the host that uses fewest first; among equals the order given. Hosts without a place are left out. */
export function shareRoom(
  hosts: readonly string[],
  { room, usedBy, limitOf }: Places,
): { host: string; limit: number }[] {
  const shares = hosts.map((host) => ({ host, used: usedBy(host), limit: 0, most: limitOf(host) }));
  shares.sort((a, b) => a.used - b.used);
  let free = room;
  for (let isGiving = true; isGiving && free > 0;) {
    isGiving = false;
    for (const share of shares) {
      if (free === 0 || share.used + share.limit >= share.most) continue;
      share.limit += 1;
      free -= 1;
      isGiving = true;
    }
  }
  return shares.filter(({ limit }) => limit > 0).map(({ host, limit }) => ({ host, limit }));
}
