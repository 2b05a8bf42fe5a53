/** Reads server-sent events from bytes that may be cut anywhere. */

export interface ServerSentEvent {
  /** `message` when the stream does not say. */
  event: string;
  data: string;
  /** The last one that the stream has named, in this event or before it; empty when there was none. */
  id: string;
}

/** Takes bytes as they come and gives the events that they complete. What is not complete at the end is dropped. */
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
    const done: ServerSentEvent[] = [];
    // A CR at the very end may be the first half of a CRLF.
    for (let end; (end = /\r\n|\n|\r(?!$)/.exec(rest)); rest = rest.slice(end.index + end[0].length))
      takeLine(rest.slice(0, end.index), done);
    return done;
  };
}
