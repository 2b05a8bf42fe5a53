/** The answers that are being given here now, as far as they have come, and who wants to hear of more. */

export interface Delta {
  readonly text: string;
  readonly thinking: string;
}

/** A class because one is made for every call, and told of every part of its answer. */
export class LiveAnswer {
  readonly id: string;
  readonly fence: number;
  text = '';
  thinking = '';
  /** Null while nobody listens, which is what nearly every call sees. */
  bells: ReadonlySet<() => void> | null;

  constructor(id: string, fence: number, bells: ReadonlySet<() => void> | null = null) {
    this.id = id;
    this.fence = fence;
    this.bells = bells;
  }

  add({ text, thinking }: Delta): void {
    if (text !== '') this.text += text;
    if (thinking !== '') this.thinking += thinking;
    if (this.bells !== null) for (const ring of this.bells) ring();
  }
}

export interface LiveAnswers {
  open(id: string, fence: number): LiveAnswer;
  close(answer: LiveAnswer): void;
  find(id: string): LiveAnswer | null;
  /** `ring` is called with everything new, and when an answer begins or ends; the answer ends it. */
  listen(id: string, ring: () => void): () => void;
  /** Tells those who listen to look. */
  ring(id: string): void;
}

export function createLiveAnswers(): LiveAnswers {
  const running = new Map<string, LiveAnswer>();
  const listening = new Map<string, Set<() => void>>();

  function ring(id: string): void {
    for (const bell of listening.get(id) ?? []) bell();
  }

  return {
    ring,
    find: (id) => running.get(id) ?? null,
    open: (id, fence) => {
      const answer = new LiveAnswer(id, fence, listening.get(id) ?? null);
      running.set(id, answer);
      if (answer.bells) ring(id);
      return answer;
    },
    close: (answer) => {
      if (running.get(answer.id) === answer) running.delete(answer.id);
      if (answer.bells) ring(answer.id);
      answer.bells = null;
    },
    listen: (id, bell) => {
      const bells = listening.get(id) ?? new Set();
      listening.set(id, bells);
      bells.add(bell);
      const answer = running.get(id);
      if (answer) answer.bells = bells;
      return () => {
        bells.delete(bell);
        if (bells.size > 0 || listening.get(id) !== bells) return;
        listening.delete(id);
        const heard = running.get(id);
        if (heard) heard.bells = null;
      };
    },
  };
}
