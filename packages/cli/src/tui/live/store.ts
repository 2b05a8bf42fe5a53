/** The one place that holds the state: keys show at once, news from the broker at most once a beat. */
import { reduceTop, type News, type Wish } from '../state/reduce-top.ts';
import type { TopState } from '../state/top-state.ts';

export interface TopStore {
  /** As it was last shown. */
  readonly shown: () => TopState;
  readonly subscribe: (listener: () => void) => () => void;
  /** A key or a size: shown at once. */
  act(news: News): void;
  /** Shown with the next beat. */
  tell(news: News): void;
  /** The state as it is, shown or not. */
  now(): TopState;
  /** Shows what is new. */
  beat(): void;
}

export function createTopStore(first: TopState, grant: (wish: Wish) => void): TopStore {
  let state = first;
  let shown = first;
  const listeners = new Set<() => void>();

  function step(news: News): void {
    const next = reduceTop(state, news);
    state = next.state;
    for (const wish of next.wishes) grant(wish);
  }

  function beat(): void {
    if (shown === state) return;
    shown = state;
    for (const listener of listeners) listener();
  }

  return {
    shown: () => shown,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    act: (news) => {
      step(news);
      beat();
    },
    tell: step,
    now: () => state,
    beat,
  };
}
