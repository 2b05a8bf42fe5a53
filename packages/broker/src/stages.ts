/** What happens to a request, as two lists to read aloud: before it waits in line, and when a worker takes it. */
import type { refuseOutside } from './features/keys/keys.ts';
import type { Models } from './features/models/models.ts';
import type { Queues } from './features/queues/queues.ts';
import type { Accepted, Arrival, Prepared, Requests } from './features/requests/requests.ts';
import type { Streams } from './features/streams/streams.ts';
import type { CallOutcome } from './features/upstreams/upstreams.ts';
import type { Job } from './features/worker/worker.ts';
import type { Stage } from './kernel/stage.ts';

interface Rooms {
  readonly keys: { readonly refuseOutside: typeof refuseOutside };
  readonly models: Pick<Models, 'resolve' | 'refuseCloud'>;
  readonly queues: Pick<Queues, 'admit' | 'check'>;
  readonly requests: Pick<Requests, 'accept' | 'prepare' | 'unseal'>;
  readonly streams: Pick<Streams, 'follow'>;
  readonly worker: { readonly callModel: Stage<Job, CallOutcome> };
}

/** The key was checked before the body was read. Order matters: the last stage stores the request for good. */
export const arrival = ({
  keys,
  models,
  queues,
  requests,
}: Pick<Rooms, 'keys' | 'models' | 'queues' | 'requests'>): Stage<Arrival, Accepted>[] => [
  models.resolve,
  keys.refuseOutside,
  models.refuseCloud,
  queues.admit,
  requests.accept,
];

/** The same for a line of a batch: places are taken, and rows stored, for all lines together. */
export const lineArrival = ({
  keys,
  models,
  queues,
  requests,
}: Pick<Rooms, 'keys' | 'models' | 'queues' | 'requests'>): Stage<Arrival, Prepared>[] => [
  models.resolve,
  keys.refuseOutside,
  models.refuseCloud,
  queues.check,
  requests.prepare,
];

/** A slot is held all the while; the last stage calls the model. */
export const execution = ({
  requests,
  streams,
  worker,
}: Pick<Rooms, 'requests' | 'streams' | 'worker'>): Stage<Job, CallOutcome>[] => [
  requests.unseal,
  streams.follow,
  worker.callModel,
];
