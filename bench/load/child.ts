/** A helper process that is asked things by message, each with a number, and answers under that number. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

export interface Child {
  ask<Result>(question: object): Promise<Result>;
  readonly pid: number;
  stop(): Promise<void>;
}

interface Answer {
  readonly number: number;
  readonly result?: unknown;
  readonly problem?: string;
}

/** Resolves when the child has said that it is ready, as number 0. It ends with its parent. */
export async function startChild(file: URL): Promise<Child> {
  const child: ChildProcess = fork(file, { serialization: 'advanced' });
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  child.on('message', (answer: Answer) => waiting.get(answer.number)?.(answer));
  child.once('exit', () => {
    for (const [number, settle] of waiting) settle({ number, problem: `${file.pathname} has ended.` });
  });
  const answerTo = (number: number): Promise<Answer> =>
    new Promise((resolve) => waiting.set(number, resolve));
  const ready = await answerTo(0);
  if (ready.problem) throw new Error(ready.problem);
  return {
    pid: child.pid!,
    ask: async <Result>(question: object) => {
      const number = ++last;
      const answered = answerTo(number);
      child.send({ ...question, number });
      const answer = await answered;
      waiting.delete(number);
      if (answer.problem) throw new Error(answer.problem);
      return answer.result as Result;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      waiting.clear();
      child.disconnect();
      await exited;
    },
  };
}
