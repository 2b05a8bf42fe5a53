/** What every method returns: a promise of the data that can also give the answer around it. */

export interface FilaResponse<T> {
  data: T;
  status: number;
  headers: Headers;
  /** The X-Request-Id of the answer; the broker's log has the call under it. */
  requestId: string | undefined;
}

export interface FilaPromise<T> extends Promise<T> {
  /** The data together with status and headers: `const { data, requestId } = await fila.requests.get(id).withResponse()`. */
  withResponse(): Promise<FilaResponse<T>>;
}

export function filaPromise<T>(response: Promise<FilaResponse<T>>): FilaPromise<T> {
  const data = response.then((answer) => answer.data);
  const withResponse = (): Promise<FilaResponse<T>> => {
    // The caller now looks at the other promise: a failure of this one is no longer news.
    data.catch(() => undefined);
    return response;
  };
  return Object.assign(data, { withResponse });
}
