/** Notices what has changed at upstreams and among brokers since the last look. */
import type { UpstreamState } from '../upstreams/upstreams.ts';
import type { Telling } from './event-feed.ts';

export interface Changes {
  look(): void;
  /** Nobody wants to know any more: the next look only remembers. */
  forget(): void;
}

export interface ChangesDeps {
  readonly states: () => readonly UpstreamState[];
  readonly brokers: () => number;
  readonly tell: (telling: Telling) => void;
}

export function createChanges({ states, brokers, tell }: ChangesDeps): Changes {
  let before: Map<string, UpstreamState> | null = null;
  let brokersBefore = 0;

  function lookAtUpstreams(): void {
    const now = new Map(states().map((state) => [state.id, state]));
    if (before) {
      for (const [id, state] of now) tellChange(id, before.get(id), state);
      for (const id of before.keys()) if (!now.has(id)) tell({ type: 'upstream.removed', upstream: id });
    }
    before = now;
  }

  function tellChange(id: string, old: UpstreamState | undefined, state: UpstreamState): void {
    const base = { upstream: id, status: state.status };
    if (state.status !== (old?.status ?? 'unknown')) {
      if (state.status === 'up') tell({ type: 'upstream.up', ...base });
      if (state.status === 'down') tell({ type: 'upstream.down', ...base, detail: state.lastError ?? '' });
    }
    if (!old) return;
    const detail = [switches(state), openBreakers(state)].join(' ').trim();
    if (detail !== [switches(old), openBreakers(old)].join(' ').trim())
      tell({ type: 'upstream.changed', ...base, detail });
  }

  return {
    look: () => {
      lookAtUpstreams();
      const count = brokers();
      if (brokersBefore > 0 && count !== brokersBefore)
        tell({ type: count > brokersBefore ? 'broker.joined' : 'broker.left', count });
      brokersBefore = count;
    },
    forget: () => {
      before = null;
      brokersBefore = 0;
    },
  };
}

function switches({ isEnabled, isDraining, slots }: UpstreamState): string {
  return `${isEnabled ? 'enabled' : 'disabled'}${isDraining ? ' draining' : ''} ${slots} slots`;
}

export function openBreakers({ byModel }: Pick<UpstreamState, 'byModel'>): string {
  const open = byModel.filter(({ breaker }) => breaker !== 'closed').map(({ model }) => model);
  return open.length > 0 ? `breaker open: ${open.join(' ')}` : '';
}
