/** Reads server-sent events from bytes that may be cut anywhere. */
import { FilaError } from './errors.ts';

export interface ServerSentEvent {
  /** `message` when the stream does not say. */
  event: string;
  data: string;
  /** The last one that the stream has named, in this event or before it; empty when there was none. */
  id: string;
}

/** What a broker of ours would never send: then it is something else, and not kept in memory. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

/** Takes bytes as they come and gives the events that they complete. What is not complete at the end is dropped. Throws an `invalid_answer` when an event is too large. */
export function createSseReader(): (bytes: Uint8Array) => ServerSentEvent[] {
  const decoder = new TextDecoder();
  let rest = '';
  let event = '';
  let data: string[] = [];
  let id = '';

  function takeLine(line: string, done: ServerSentEvent[]): void {
    if (line === '') {
      if (data.length > 0) done.push({ event: event || 'message', data: data.join('\n'), id });
      event = '';
      data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) id = value;
  }

  return (bytes) => {
    rest += decoder.decode(bytes, { stream: true });
    if (rest.length > MOST_CHARACTERS) throw tooLarge();
    const done: ServerSentEvent[] = [];
    // A CR at the very end may be the first half of a CRLF.
    for (let end; (end = /\r\n|\n|\r(?!$)/.exec(rest)); rest = rest.slice(end.index + end[0].length))
      takeLine(rest.slice(0, end.index), done);
    return done;
  };
}

function tooLarge(): FilaError {
  return new FilaError({ code: 'invalid_answer', detail: 'An event is too large.', retryable: false });
}
