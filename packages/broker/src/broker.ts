/** The composition root: builds every room from the settings and hands each what it needs. The only file that knows them all. */
import { join } from 'node:path';
import type { LoadedSettings } from './config/load-settings.ts';
import { clientOptionsOf, retryPolicyOf, swapBoundsOf, timersOf } from './config/live-parts.ts';
import { presentSettings, settingCatalog } from './config/setting-catalog.ts';
import type { DataDir } from './engines/data-dir/data-dir.ts';
import type { Engines } from './engines/engines.ts';
import { createAudit } from './features/audit/audit.ts';
import { auditRoutes } from './features/audit/audit-routes.ts';
import { auditStore } from './features/audit/audit-store.ts';
import { batchRoutes } from './features/batches/batch-routes.ts';
import { batchStore } from './features/batches/batch-store.ts';
import { createBatches } from './features/batches/batches.ts';
import { createCleanUp } from './features/clean-up/clean-up.ts';
import { deadLetterRoutes } from './features/dead-letters/dead-letter-routes.ts';
import { createDeadLetters } from './features/dead-letters/dead-letters.ts';
import { createKnownModels, doorRoutes } from './features/doors/doors.ts';
import { engineChecks, whyUnavailable } from './features/health/engine-checks.ts';
import { createHealth, type HealthCheck } from './features/health/health.ts';
import { healthRoutes } from './features/health/health-routes.ts';
import { keyRoutes } from './features/keys/key-routes.ts';
import { createExpiryNotices } from './features/keys/expiry-notices.ts';
import { keyStore } from './features/keys/key-store.ts';
import { createKeys, refuseOutside, type Keys } from './features/keys/keys.ts';
import { limitRoutes } from './features/limits/limit-routes.ts';
import { createLimits } from './features/limits/limits.ts';
import { planRoutes } from './features/limits/plan-routes.ts';
import { clientAddress } from './features/limits/client-address.ts';
import { planStore } from './features/limits/plan-store.ts';
import { createPlans, type PlanRoom } from './features/limits/plans.ts';
import { logRoutes } from './features/logs/log-routes.ts';
import { logStore } from './features/logs/log-store.ts';
import { createLogs } from './features/logs/logs.ts';
import { aliasRoutes } from './features/models/alias-routes.ts';
import { aliasStore } from './features/models/alias-store.ts';
import { createAliases } from './features/models/aliases.ts';
import { createModels } from './features/models/models.ts';
import { operationRoutes } from './features/operations/operation-routes.ts';
import { operationStore } from './features/operations/operation-store.ts';
import { createOperations } from './features/operations/operations.ts';
import { peopleStore } from './features/people/people-store.ts';
import { createPeople } from './features/people/people.ts';
import { serviceTokenRoutes } from './features/people/service-token-routes.ts';
import { sessionRoutes } from './features/people/session-routes.ts';
import { userRoutes } from './features/people/user-routes.ts';
import { queueRoutes } from './features/queues/queue-routes.ts';
import { queueStore } from './features/queues/queue-store.ts';
import { createQueues, type Queues } from './features/queues/queues.ts';
import { createExplainRequest } from './features/requests/explain-request.ts';
import { explainRoutes } from './features/requests/explain-routes.ts';
import { entryRoutes } from './features/requests/entry-routes.ts';
import { createRequestEntries } from './features/requests/request-entries.ts';
import { requestContent } from './features/requests/request-content.ts';
import { idempotencyKeyOf, requestRoutes } from './features/requests/request-routes.ts';
import { createRequests } from './features/requests/requests.ts';
import { createTraceRequest } from './features/requests/trace-request.ts';
import { traceRoutes } from './features/requests/trace-routes.ts';
import { createOverview, type OverviewRoom } from './features/overview/overview.ts';
import { overviewRoutes } from './features/overview/overview-routes.ts';
import { settingRoutes } from './features/settings/setting-routes.ts';
import { settingStore } from './features/settings/setting-store.ts';
import { createSettings } from './features/settings/settings.ts';
import { streamRoutes } from './features/streams/stream-routes.ts';
import { createStreams } from './features/streams/streams.ts';
import { modelRoutes } from './features/upstreams/model-routes.ts';
import { createUpstreamRegistry } from './features/upstreams/upstream-registry.ts';
import { upstreamRoutes } from './features/upstreams/upstream-routes.ts';
import { upstreamStore } from './features/upstreams/upstream-store.ts';
import {
  createUpstreams,
  isCloudModel,
  modelKey,
  type DispatchedUpstream,
  type Upstreams,
} from './features/upstreams/upstreams.ts';
import { createCountUsage } from './features/usage/usage.ts';
import { usageRoutes } from './features/usage/usage-routes.ts';
import { createVerify } from './features/verify/verify.ts';
import { verifyRoutes } from './features/verify/verify-routes.ts';
import { callModel, createWorker, type Pace, type Worker } from './features/worker/worker.ts';
import { webhookRoutes } from './features/webhooks/webhook-routes.ts';
import { webhookStore } from './features/webhooks/webhook-store.ts';
import { createWebhooks, type Webhooks } from './features/webhooks/webhooks.ts';
import { authorOf, callOf } from './http/audit-acts.ts';
import { keyOf } from './http/authenticate.ts';
import { createChecker } from './http/contract.ts';
import { asFilaError, readOn } from './http/error-answer.ts';
import { parseJsonBody } from './http/json-body.ts';
import { createServer } from './http/server.ts';
import { systemClock } from './kernel/clock.ts';
import type { Logger } from './kernel/logger.ts';
import { services } from './kernel/service.ts';
import { inOrder } from './kernel/stage.ts';
import { arrival, execution, lineArrival } from './stages.ts';

export interface Parts {
  readonly loaded: LoadedSettings;
  readonly engines: Engines;
  readonly dataDir: DataDir;
  readonly logger: Logger;
  readonly run: string;
  readonly adminToken: string;
}

/** By model: what brokers tell each other. */
type Paces = Record<string, Pace>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** As the contract promises. */
const IDEMPOTENCY_KEPT_MS = 24 * HOUR_MS;

export function assemble({ loaded, engines, dataDir, logger, run, adminToken }: Parts) {
  const clock = systemClock;
  const { ledger, activeLanes, vault, database } = engines;
  const settingsRoom = createSettings({
    ...{ store: settingStore(database.sequelize), catalog: settingCatalog(loaded), vault, clock, logger },
  });
  // A room is handed what it reads late: a function for one value, an object whose fields are read late for several.
  const settings = presentSettings(loaded.settings, settingsRoom.overrides);
  const audit = createAudit({
    ...{ store: auditStore(database.sequelize), together: database.together, vault, clock, logger },
  });
  const logs = createLogs({ store: logStore(database.sequelize), run, clock, logger });
  const upstreams = createUpstreams({
    upstreams: settings.ollamaUrls,
    allowCloudModels: settings.allowCloudModels,
    client: clientOptionsOf(settings),
    leases: {
      ...{ book: ledger.leases, run, deadRuns: dataDir.earlierRuns },
      tell: (): Paces => worker.paces(),
    },
    adaptiveTimeouts: () => settings.adaptiveTimeouts,
    preloadModels: settings.preloadModels,
    swapBounds: swapBoundsOf(settings),
    logger,
    clock,
  });
  const stopping = new AbortController();
  const overview: OverviewRoom = createOverview({
    ...{
      ledger,
      limiter: engines.limiter,
      relay: engines.relay,
      clock,
      run,
      eventsKept: settings.eventsKept,
    },
    upstreams: () => upstreams,
  });
  const { told } = overview;
  const upstreamRegistry = createUpstreamRegistry({
    store: upstreamStore(database.sequelize),
    ...{ upstreams, clock, logger },
  });
  const keyRows = keyStore(database.sequelize);
  const keys: Keys = createKeys({
    ...{ store: keyRows, vault, clock, logger },
    planLimits: (plan) => plans.limitsOf(plan),
  });
  const expiryNotices = createExpiryNotices({
    ...{ store: keyRows, told, clock, logger },
    noticeMs: settings.keyExpiryNoticeDays * DAY_MS,
  });
  const plans: PlanRoom = createPlans({
    ...{ store: planStore(database.sequelize), clock, logger },
    countKeys: (plan) => keys.countWithPlan(plan),
  });
  const people = createPeople({
    ...{ audit, store: peopleStore(database.sequelize), vault, clock, logger, settings },
  });
  const queues: Queues = createQueues({
    ...{ store: queueStore(database.sequelize), clock, logger },
    workOf: (queue, most) => ledger.sweeps.workOf(queue, most),
  });
  const limits = createLimits({
    ...{ limiter: engines.limiter, keys, ledger, settings, isPaused: queues.isPaused, clock, logger },
  });
  const aliases = createAliases({
    ...{ store: aliasStore(database.sequelize), keyOfModel: modelKey, clock, logger },
  });
  const models = createModels({
    ...{ aliases, isCloudModel, allowCloudModels: settings.allowCloudModels },
    defaultModel: () => settings.defaultModel,
  });
  const requests = createRequests({
    ...{ ledger, activeLanes, vault, clock, logger, told, defaultModel: () => settings.defaultModel },
    offerLane: (lane, name) => worker.offerLane(lane, name),
    onAccepted: (request) => worker.waits.accepted(request),
    estimateWait: (row) => worker.waits.estimate(row),
    hasQueue: queues.has,
    makeRoom: (name) => worker.makeRoom(name),
    hasReceivers: (keyId) => webhooks.hasReceivers(keyId),
    problemOfCallback: (url) => webhooks.problemOfUrl(url),
  });
  const stages = {
    keys: { refuseOutside },
    ...{ models, queues, requests },
  };
  const batches = createBatches({
    ...{ store: batchStore(ledger.sql), vault, requests, queues, limits, logger },
    stage: {
      parse: parseJsonBody,
      check: createChecker('BatchLine'),
      arrive: inOrder(lineArrival(stages)),
      limits: { maxLineBytes: settings.maxBodyBytes, maxBytes: settings.maxBatchBytes },
    },
  });
  const deadLetters = createDeadLetters({ ledger, content: requestContent(vault), requests, logger });
  const operationRows = operationStore(database.sequelize);
  const operations = createOperations({
    ...{ store: operationRows, vault, logger },
    ...{ owner: run, deadOwners: dataDir.earlierRuns },
    kinds: { retry_dead_letters: deadLetters.retrying },
  });
  const webhookRows = webhookStore({ sequelize: database.sequelize, sql: ledger.sql });
  const webhooks: Webhooks = createWebhooks({
    ...{ store: webhookRows, vault, clock, logger, run, told },
    deadRuns: dataDir.earlierRuns,
    logMs: () => settings.webhookLogDays * DAY_MS,
    secretOf: (keyId) => keys.webhookSecretOf(keyId),
    lookUp: (ids) => requests.describe(ids),
    openCallback: (requestId, sealed) => requests.openCallback(requestId, sealed),
    allowCidrs: settings.webhookAllowCidrs,
    timings: {
      timeoutMs: settings.webhookTimeoutMs,
      retryDelaysMs: () => settings.webhookRetryDelays,
    },
  });
  requests.onEnded((_id, facts) => {
    if (!facts?.isTold) webhooks.wake();
  });
  requests.onEnded((id, facts) => limits.ended(id, facts));
  requests.onEnded((_id, facts) => queues.ended(facts));
  const streams = createStreams({ ...{ requests, vault, logger, run }, relay: engines.relay });
  const worker: Worker = createWorker({
    ...{ ledger, activeLanes, requests, queues, upstreams, told, clock, logger, owner: run },
    spoolFile: join(settings.dataDir, 'outcomes.spool'),
    ...{ earlierRuns: dataDir.earlierRuns, forgetEarlierRuns: () => dataDir.forgetEarlierRuns() },
    ...{ leaseMs: settings.leaseMs, stopGraceMs: () => settings.stopGraceMs },
    ...{ ageingMs: () => settings.ageingMs, reservedSlots: () => settings.reservedSlots },
    sessionWaitMs: () => settings.sessionWaitMs,
    isAlone: () => engines.limiter.brokers().count === 1 && upstreams.brokers() === 1,
    limitsOf: (keyId) => keys.limitsOf(keyId),
    pacesElsewhere: (model) => (upstreams.heard() as Paces[]).flatMap((paces) => paces[model] ?? []),
    openAhead: requests.openAhead,
    execute: inOrder(execution({ requests, streams, worker: { callModel: callModel(settings) } })),
    tellEnd: (row, end, { model }) => webhooks.tellEnd(row, end, () => requests.describeEnd(row, end, model)),
    policy: retryPolicyOf(settings),
    timers: timersOf(settings),
  });
  const verify = createVerify({
    ...{ ledger, activeLanes, logger },
    checks: [ledger.checks, requests.checks, webhooks.checks, batches.checks],
  });
  const cleanUp = createCleanUp({
    logger,
    leftovers: [
      {
        what: 'idempotency keys',
        forget: () => ledger.sweeps.forgetIdempotencyKeys(IDEMPOTENCY_KEPT_MS),
      },
      {
        what: 'webhook deliveries',
        forget: () => webhookRows.deliveries.forget(settings.webhookLogDays * DAY_MS),
      },
      { what: 'sessions and failed sign-ins', forget: () => people.forget() },
      { what: 'operations', forget: () => operationRows.forget(settings.operationLogDays * DAY_MS) },
      { what: 'log lines', forget: () => logs.forget() },
      ...batches.leftovers,
      ...(settings.auditDays === 0
        ? []
        : [{ what: 'audit rows', forget: () => audit.forget(settings.auditDays * DAY_MS) }]),
    ],
  });
  const arrive = inOrder(arrival(stages));
  const health = createHealth(() => [...checksOf(engines, upstreams), ...estimateChecks(worker)]);
  const server = createServer({
    ...{ host: settings.host, port: settings.port, maxBodyBytes: settings.maxBodyBytes, adminToken, logger },
    ...{ acceptKey: (secret: string) => keys.accept(secret), knowsKey: keys.knows },
    whyUnavailable: () => whyUnavailable(engines.states()),
    ...{ people, limits, audit, told, trustedProxies: settings.trustedProxies },
    routes: [
      healthRoutes(health),
      keyRoutes({ keys, keyOf }),
      planRoutes(plans),
      limitRoutes(limits),
      userRoutes(people),
      sessionRoutes({ people, addressOf: clientAddress }),
      serviceTokenRoutes(people),
      queueRoutes(queues),
      settingRoutes({ settings: settingsRoom, authorOf }),
      upstreamRoutes(upstreamRegistry),
      explainRoutes(
        createExplainRequest({
          ...{ ledger, vault, upstreams, clock, timers: timersOf(settings) },
          embedTimeoutMs: () => settings.embedTimeoutMs,
          totalMsOf: (queue) => queues.policyOf(queue).totalTimeoutMs,
        }),
      ),
      entryRoutes(createRequestEntries({ ledger, cancel: requests.cancel, keyNames: overview.keyNames })),
      traceRoutes(createTraceRequest({ ledger, deliveries: webhooks.deliveries, acts: audit.list })),
      usageRoutes(createCountUsage(ledger, clock)),
      modelRoutes(upstreams),
      aliasRoutes(aliases),
      webhookRoutes({ webhooks, keyOf }),
      verifyRoutes(verify),
      auditRoutes(audit),
      logRoutes(logs),
      deadLetterRoutes({ deadLetters, operations }),
      operationRoutes(operations),
      overviewRoutes({ overview, stopping: stopping.signal }),
      requestRoutes({
        requests,
        arrive,
        keyOf,
        maxWaitSeconds: () => settings.maxWaitSeconds,
      }),
      batchRoutes({ batches, keyOf, idempotencyKeyOf }),
      streamRoutes({ requests, streams, keyOf, logger }),
      doorRoutes({
        ...{ requests, streams, arrive, keyOf, idempotencyKeyOf, logger },
        models: createKnownModels(upstreams, modelKey, aliases),
        checkInput: createChecker('CreateRequest'),
        ...{ errorOf: asFilaError, parseBody: parseJsonBody, readOn },
        ...{ management: upstreams.management, allowed: () => settings.allowModelManagement },
        perform: (act, request, work) => audit.perform(act, callOf(request), work),
        stopping: stopping.signal,
      }),
    ],
    onStopping: () => {
      health.stopping();
      requests.releaseWaiting();
      stopping.abort();
      void upstreams.handOver();
      streams.release();
    },
  });
  return {
    server,
    takeLine: logs.take,
    settings: { present: settings, onChange: settingsRoom.onChange },
    all: services([
      engines,
      settingsRoom,
      logs,
      upstreams,
      upstreamRegistry,
      keys,
      expiryNotices,
      people,
      queues,
      aliases,
      limits,
      webhooks,
      streams,
      worker,
      operations,
      batches,
      audit,
      cleanUp,
      overview,
      server,
    ]),
  };
}

function whoDispatches(by: DispatchedUpstream['dispatchedBy']): string {
  if (by === null) return 'no broker';
  return by.isHere ? 'this broker' : `${by.run} at ${by.host}`;
}

/** None until there is something to say. */
function estimateChecks({ waits }: Worker): HealthCheck[] {
  const error = waits.medianError();
  if (error === null) return [];
  const detail = `off by ${Math.round(error.share * 100)} % in the median of the last ${error.of}`;
  return [{ name: 'wait estimates', needed: false, run: async () => ({ status: 'ok', detail }) }];
}

function checksOf(engines: Engines, upstreams: Upstreams): HealthCheck[] {
  return [
    ...engineChecks(engines.states),
    ...upstreams.states().map(({ id, status, lastError, dispatchedBy }): HealthCheck => ({
      name: `upstream ${id}`,
      needed: false,
      run: async () =>
        status === 'up'
          ? { status: 'ok', detail: `dispatched by ${whoDispatches(dispatchedBy)}` }
          : { status: 'down', detail: lastError ?? 'not heard of yet' },
    })),
  ];
}
