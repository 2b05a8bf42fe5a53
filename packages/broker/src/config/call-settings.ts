/** The settings of what requests may be, how they are tried, and how models are called. */
import { bytes, integer, names, toggle } from './setting-kinds.ts';
import { row } from './setting-row.ts';

export const CALL_SETTINGS = {
  maxBodyBytes: row({
    env: 'FILA_MAX_BODY_BYTES',
    fallback: 1_048_576,
    unit: 'bytes',
    kind: bytes(1024, 64 * 1_048_576),
    about: 'Largest body a client may send.',
  }),
  maxBatchBytes: row({
    env: 'FILA_MAX_BATCH_BYTES',
    fallback: 64 * 1_048_576,
    unit: 'bytes',
    kind: bytes(1024, 1024 * 1_048_576),
    about: 'Largest upload of a batch. Each line of it may be as large as a body.',
  }),
  maxAnswerBytes: row({
    env: 'FILA_MAX_ANSWER_BYTES',
    fallback: 8_388_608,
    unit: 'bytes',
    kind: bytes(1024, 256 * 1_048_576),
    about: 'Largest answer taken from a model.',
  }),
  maxTokens: row({
    env: 'FILA_MAX_TOKENS',
    fallback: 4096,
    unit: 'tokens',
    kind: integer(1, 1_000_000),
    about: 'Tokens an answer may have when the request does not say.',
  }),
  maxWaitSeconds: row({
    env: 'FILA_MAX_WAIT_SECONDS',
    fallback: 60,
    unit: 's',
    kind: integer(0, 600),
    about: 'Longest time a call may wait for its answer (Prefer: wait=N).',
  }),
  maxAttempts: row({
    env: 'FILA_MAX_ATTEMPTS',
    fallback: 5,
    kind: integer(1, 100),
    about: 'Attempts before a request has failed.',
  }),
  retryBaseMs: row({
    env: 'FILA_RETRY_BASE_MS',
    fallback: 1000,
    unit: 'ms',
    kind: integer(1, 3_600_000),
    about: 'Upper bound of the wait before the second attempt; doubles with each further one.',
  }),
  retryCapMs: row({
    env: 'FILA_RETRY_CAP_MS',
    fallback: 300_000,
    unit: 'ms',
    kind: integer(1, 86_400_000),
    about: 'Longest wait between two attempts.',
  }),
  leaseMs: row({
    env: 'FILA_LEASE_MS',
    fallback: 30_000,
    unit: 'ms',
    kind: integer(500, 600_000),
    about:
      'How long a worker owns a request without a sign of life; as long again passes before another takes it.',
  }),
  connectTimeoutMs: row({
    env: 'FILA_CONNECT_TIMEOUT_MS',
    fallback: 5_000,
    unit: 'ms',
    kind: integer(1, 600_000),
    about: 'Time to reach an Ollama server.',
  }),
  firstTokenTimeoutMs: row({
    env: 'FILA_FIRST_TOKEN_TIMEOUT_MS',
    fallback: 300_000,
    unit: 'ms',
    kind: integer(1, 7_200_000),
    about: 'Time until the first token, loading the model included.',
  }),
  embedTimeoutMs: row({
    env: 'FILA_EMBED_TIMEOUT_MS',
    fallback: 300_000,
    unit: 'ms',
    kind: integer(1, 7_200_000),
    about: 'Time until embeddings are there, loading the model included; they come all at once.',
  }),
  gapTimeoutMs: row({
    env: 'FILA_GAP_TIMEOUT_MS',
    fallback: 60_000,
    unit: 'ms',
    kind: integer(1, 7_200_000),
    about: 'Time between two tokens.',
  }),
  totalTimeoutMs: row({
    env: 'FILA_TOTAL_TIMEOUT_MS',
    fallback: 1_800_000,
    unit: 'ms',
    kind: integer(1, 86_400_000),
    about: 'Time of one call to a model.',
  }),
  adaptiveTimeouts: row({
    env: 'FILA_ADAPTIVE_TIMEOUTS',
    fallback: true,
    kind: toggle,
    about:
      'Whether each call gets timers that suit it, from what calls of the model took; the five above are the most.',
  }),
  ageingMs: row({
    env: 'FILA_AGEING_MS',
    fallback: 60_000,
    unit: 'ms',
    kind: integer(0, 86_400_000),
    about: 'After each such time of waiting a request counts as one band of priority higher; 0: never.',
  }),
  reservedSlots: row({
    env: 'FILA_RESERVED_SLOTS',
    fallback: 0,
    kind: integer(0, 256),
    about:
      'Slots of each model that are kept free for requests of priority 6 to 9; one is always for everybody.',
  }),
  swapAfterRequests: row({
    env: 'FILA_SWAP_AFTER_REQUESTS',
    fallback: 32,
    kind: integer(1, 1_000_000),
    about:
      'Of models that do not fit together at an upstream, the loaded one runs so many more calls once another waits.',
  }),
  swapAfterMs: row({
    env: 'FILA_SWAP_AFTER_MS',
    fallback: 30_000,
    unit: 'ms',
    kind: integer(0, 86_400_000),
    about: 'After so long the other one is loaded in any case.',
  }),
  preloadModels: row({
    env: 'FILA_PRELOAD_MODELS',
    fallback: () => [],
    kind: names,
    about: 'Models, comma separated, that each upstream which has them loads when it comes up.',
  }),
  sessionWaitMs: row({
    env: 'FILA_SESSION_WAIT_MS',
    fallback: 2_000,
    unit: 'ms',
    kind: integer(0, 600_000),
    about:
      'How long a request with metadata.session_id waits for the upstream of its session, before it takes another.',
  }),
} as const;
