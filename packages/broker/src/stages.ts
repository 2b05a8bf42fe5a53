/** What happens to a request, as two lists to read aloud: before it waits in line, and when a worker takes it. */
import type { Models } from './features/models/models.ts';
import type { Queues } from './features/queues/queues.ts';
import type { Accepted, Arrival, Requests } from './features/requests/requests.ts';
import type { Streams } from './features/streams/streams.ts';
import type { CallOutcome } from './features/upstreams/upstreams.ts';
import type { Job } from './features/worker/worker.ts';
import type { Stage } from './kernel/stage.ts';

interface Rooms {
  readonly models: Pick<Models, 'resolve' | 'refuseCloud'>;
  readonly queues: Pick<Queues, 'admit'>;
  readonly requests: Pick<Requests, 'accept' | 'unseal'>;
  readonly streams: Pick<Streams, 'follow'>;
  readonly worker: { readonly callModel: Stage<Job, CallOutcome> };
}

/** The key was checked before the body was read. Order matters: the last stage stores the request for good. */
export const arrival = ({
  models,
  queues,
  requests,
}: Pick<Rooms, 'models' | 'queues' | 'requests'>): Stage<Arrival, Accepted>[] => [
  models.resolve,
  models.refuseCloud,
  queues.admit,
  requests.accept,
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
