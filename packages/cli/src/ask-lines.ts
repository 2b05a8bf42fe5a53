/** Asks a person on the terminal, one line at a time; what was typed ahead is kept for the next question. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

export interface Asking {
  /** Empty when the person pressed Ctrl-D or Ctrl-C. */
  line(question: string): Promise<string>;
  /** The same without showing what is typed. */
  secret(question: string): Promise<string>;
}

interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: { write(text: string): unknown };
}

export function askingOn({ input, output }: Terminal): Asking {
  const ahead: string[] = [];
  let isOver = false;

  function next(question: string, isHidden: boolean): Promise<string> {
    if (ahead.length > 0 || isOver) {
      output.write(question);
      return Promise.resolve(ahead.shift() ?? '');
    }
    const lines = createInterface({
      input,
      // A terminal that is left to readline echoes nothing by itself: what goes to nowhere is not seen.
      output: isHidden ? nowhere() : (output as unknown as NodeJS.WritableStream),
      ...(isHidden ? { terminal: true } : {}),
      historySize: 0,
    });
    // Asked only now: who answers at once must not see it echoed.
    output.write(question);
    return new Promise((answered) => {
      lines.on('line', (line) => {
        ahead.push(line);
        lines.close();
      });
      lines.once('close', () => {
        isOver = ahead.length === 0;
        answered(ahead.shift() ?? '');
      });
    });
  }

  return {
    line: async (question) => (await next(question, false)).trim(),
    secret: async (question) => {
      const answer = await next(question, true);
      output.write('\n');
      return answer;
    },
  };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
