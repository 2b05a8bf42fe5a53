/** The contract's schemas, and the validator that holds every body and query to them. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import createApiKey from '@fila/php-bridge-spec/schemas/requests/create-api-key.json' with { type: 'json' };
import createRequest from '@fila/php-bridge-spec/schemas/requests/create-request.json' with { type: 'json' };
import listApiKeysQuery from '@fila/php-bridge-spec/schemas/requests/list-api-keys-query.json' with { type: 'json' };
import listRequestsQuery from '@fila/php-bridge-spec/schemas/requests/list-requests-query.json' with { type: 'json' };
import deadLetterFilter from '@fila/php-bridge-spec/schemas/requests/dead-letter-filter.json' with { type: 'json' };
import discardDeadLetter from '@fila/php-bridge-spec/schemas/requests/discard-dead-letter.json' with { type: 'json' };
import listDeadLettersQuery from '@fila/php-bridge-spec/schemas/requests/list-dead-letters-query.json' with { type: 'json' };
import listOperationsQuery from '@fila/php-bridge-spec/schemas/requests/list-operations-query.json' with { type: 'json' };
import retryDeadLetter from '@fila/php-bridge-spec/schemas/requests/retry-dead-letter.json' with { type: 'json' };
import retryDeadLetters from '@fila/php-bridge-spec/schemas/requests/retry-dead-letters.json' with { type: 'json' };
import updateApiKey from '@fila/php-bridge-spec/schemas/requests/update-api-key.json' with { type: 'json' };
import apiKeyList from '@fila/php-bridge-spec/schemas/responses/api-key-list.json' with { type: 'json' };
import apiKey from '@fila/php-bridge-spec/schemas/responses/api-key.json' with { type: 'json' };
import authentication from '@fila/php-bridge-spec/schemas/responses/authentication.json' with { type: 'json' };
import createdApiKey from '@fila/php-bridge-spec/schemas/responses/created-api-key.json' with { type: 'json' };
import liveness from '@fila/php-bridge-spec/schemas/responses/liveness.json' with { type: 'json' };
import problem from '@fila/php-bridge-spec/schemas/responses/problem.json' with { type: 'json' };
import readiness from '@fila/php-bridge-spec/schemas/responses/readiness.json' with { type: 'json' };
import requestList from '@fila/php-bridge-spec/schemas/responses/request-list.json' with { type: 'json' };
import toolCall from '@fila/php-bridge-spec/schemas/responses/tool-call.json' with { type: 'json' };
import requestResult from '@fila/php-bridge-spec/schemas/responses/request-result.json' with { type: 'json' };
import requestError from '@fila/php-bridge-spec/schemas/responses/request-error.json' with { type: 'json' };
import requestUsage from '@fila/php-bridge-spec/schemas/responses/request-usage.json' with { type: 'json' };
import requestStatus from '@fila/php-bridge-spec/schemas/responses/request-status.json' with { type: 'json' };
import request from '@fila/php-bridge-spec/schemas/responses/request.json' with { type: 'json' };
import listAllRequestsQuery from '@fila/php-bridge-spec/schemas/requests/list-all-requests-query.json' with { type: 'json' };
import rotateApiKeyQuery from '@fila/php-bridge-spec/schemas/requests/rotate-api-key-query.json' with { type: 'json' };
import usageQuery from '@fila/php-bridge-spec/schemas/requests/usage-query.json' with { type: 'json' };
import requestEntryList from '@fila/php-bridge-spec/schemas/responses/request-entry-list.json' with { type: 'json' };
import requestEntry from '@fila/php-bridge-spec/schemas/responses/request-entry.json' with { type: 'json' };
import rotatedApiKey from '@fila/php-bridge-spec/schemas/responses/rotated-api-key.json' with { type: 'json' };
import usageHour from '@fila/php-bridge-spec/schemas/responses/usage-hour.json' with { type: 'json' };
import usage from '@fila/php-bridge-spec/schemas/responses/usage.json' with { type: 'json' };
import verification from '@fila/php-bridge-spec/schemas/responses/verification.json' with { type: 'json' };
import deadLetterDetails from '@fila/php-bridge-spec/schemas/responses/dead-letter-details.json' with { type: 'json' };
import deadLetterList from '@fila/php-bridge-spec/schemas/responses/dead-letter-list.json' with { type: 'json' };
import deadLetterPreview from '@fila/php-bridge-spec/schemas/responses/dead-letter-preview.json' with { type: 'json' };
import deadLetterRetry from '@fila/php-bridge-spec/schemas/responses/dead-letter-retry.json' with { type: 'json' };
import deadLetter from '@fila/php-bridge-spec/schemas/responses/dead-letter.json' with { type: 'json' };
import operationList from '@fila/php-bridge-spec/schemas/responses/operation-list.json' with { type: 'json' };
import operation from '@fila/php-bridge-spec/schemas/responses/operation.json' with { type: 'json' };
import createUpstream from '@fila/php-bridge-spec/schemas/requests/create-upstream.json' with { type: 'json' };
import attemptExplanation from '@fila/php-bridge-spec/schemas/responses/attempt-explanation.json' with { type: 'json' };
import callTimer from '@fila/php-bridge-spec/schemas/responses/call-timer.json' with { type: 'json' };
import requestExplanation from '@fila/php-bridge-spec/schemas/responses/request-explanation.json' with { type: 'json' };
import traceStep from '@fila/php-bridge-spec/schemas/responses/trace-step.json' with { type: 'json' };
import requestTrace from '@fila/php-bridge-spec/schemas/responses/request-trace.json' with { type: 'json' };
import timerTerm from '@fila/php-bridge-spec/schemas/responses/timer-term.json' with { type: 'json' };
import setUpstreamBreaker from '@fila/php-bridge-spec/schemas/requests/set-upstream-breaker.json' with { type: 'json' };
import updateUpstream from '@fila/php-bridge-spec/schemas/requests/update-upstream.json' with { type: 'json' };
import upstreamList from '@fila/php-bridge-spec/schemas/responses/upstream-list.json' with { type: 'json' };
import upstream from '@fila/php-bridge-spec/schemas/responses/upstream.json' with { type: 'json' };
import createWebhook from '@fila/php-bridge-spec/schemas/requests/create-webhook.json' with { type: 'json' };
import listWebhookDeliveriesQuery from '@fila/php-bridge-spec/schemas/requests/list-webhook-deliveries-query.json' with { type: 'json' };
import listWebhooksQuery from '@fila/php-bridge-spec/schemas/requests/list-webhooks-query.json' with { type: 'json' };
import redeliverWebhook from '@fila/php-bridge-spec/schemas/requests/redeliver-webhook.json' with { type: 'json' };
import rotateWebhookQuery from '@fila/php-bridge-spec/schemas/requests/rotate-webhook-query.json' with { type: 'json' };
import updateWebhook from '@fila/php-bridge-spec/schemas/requests/update-webhook.json' with { type: 'json' };
import webhook from '@fila/php-bridge-spec/schemas/responses/webhook.json' with { type: 'json' };
import createdWebhook from '@fila/php-bridge-spec/schemas/responses/created-webhook.json' with { type: 'json' };
import webhookList from '@fila/php-bridge-spec/schemas/responses/webhook-list.json' with { type: 'json' };
import webhookDelivery from '@fila/php-bridge-spec/schemas/responses/webhook-delivery.json' with { type: 'json' };
import webhookDeliveryDetails from '@fila/php-bridge-spec/schemas/responses/webhook-delivery-details.json' with { type: 'json' };
import webhookDeliveryList from '@fila/php-bridge-spec/schemas/responses/webhook-delivery-list.json' with { type: 'json' };
import webhookRedelivery from '@fila/php-bridge-spec/schemas/responses/webhook-redelivery.json' with { type: 'json' };
import createPlan from '@fila/php-bridge-spec/schemas/requests/create-plan.json' with { type: 'json' };
import updatePlan from '@fila/php-bridge-spec/schemas/requests/update-plan.json' with { type: 'json' };
import liftPenalty from '@fila/php-bridge-spec/schemas/requests/lift-penalty.json' with { type: 'json' };
import explainLimitsQuery from '@fila/php-bridge-spec/schemas/requests/explain-limits-query.json' with { type: 'json' };
import plan from '@fila/php-bridge-spec/schemas/responses/plan.json' with { type: 'json' };
import planList from '@fila/php-bridge-spec/schemas/responses/plan-list.json' with { type: 'json' };
import penalty from '@fila/php-bridge-spec/schemas/responses/penalty.json' with { type: 'json' };
import penaltyList from '@fila/php-bridge-spec/schemas/responses/penalty-list.json' with { type: 'json' };
import liftedPenalty from '@fila/php-bridge-spec/schemas/responses/lifted-penalty.json' with { type: 'json' };
import appliedLimit from '@fila/php-bridge-spec/schemas/responses/applied-limit.json' with { type: 'json' };
import limitExplanation from '@fila/php-bridge-spec/schemas/responses/limit-explanation.json' with { type: 'json' };
import signIn from '@fila/php-bridge-spec/schemas/requests/sign-in.json' with { type: 'json' };
import setPassword from '@fila/php-bridge-spec/schemas/requests/set-password.json' with { type: 'json' };
import changePassword from '@fila/php-bridge-spec/schemas/requests/change-password.json' with { type: 'json' };
import stepUp from '@fila/php-bridge-spec/schemas/requests/step-up.json' with { type: 'json' };
import confirmTotp from '@fila/php-bridge-spec/schemas/requests/confirm-totp.json' with { type: 'json' };
import setUp from '@fila/php-bridge-spec/schemas/requests/set-up.json' with { type: 'json' };
import createUser from '@fila/php-bridge-spec/schemas/requests/create-user.json' with { type: 'json' };
import updateUser from '@fila/php-bridge-spec/schemas/requests/update-user.json' with { type: 'json' };
import listSessionsQuery from '@fila/php-bridge-spec/schemas/requests/list-sessions-query.json' with { type: 'json' };
import revokeSessions from '@fila/php-bridge-spec/schemas/requests/revoke-sessions.json' with { type: 'json' };
import createServiceToken from '@fila/php-bridge-spec/schemas/requests/create-service-token.json' with { type: 'json' };
import user from '@fila/php-bridge-spec/schemas/responses/user.json' with { type: 'json' };
import userList from '@fila/php-bridge-spec/schemas/responses/user-list.json' with { type: 'json' };
import passwordReset from '@fila/php-bridge-spec/schemas/responses/password-reset.json' with { type: 'json' };
import session from '@fila/php-bridge-spec/schemas/responses/session.json' with { type: 'json' };
import sessionList from '@fila/php-bridge-spec/schemas/responses/session-list.json' with { type: 'json' };
import signedIn from '@fila/php-bridge-spec/schemas/responses/signed-in.json' with { type: 'json' };
import whoami from '@fila/php-bridge-spec/schemas/responses/whoami.json' with { type: 'json' };
import endedSessions from '@fila/php-bridge-spec/schemas/responses/ended-sessions.json' with { type: 'json' };
import steppedUp from '@fila/php-bridge-spec/schemas/responses/stepped-up.json' with { type: 'json' };
import totpEnrolment from '@fila/php-bridge-spec/schemas/responses/totp-enrolment.json' with { type: 'json' };
import recoveryCodes from '@fila/php-bridge-spec/schemas/responses/recovery-codes.json' with { type: 'json' };
import serviceToken from '@fila/php-bridge-spec/schemas/responses/service-token.json' with { type: 'json' };
import createdServiceToken from '@fila/php-bridge-spec/schemas/responses/created-service-token.json' with { type: 'json' };
import serviceTokenList from '@fila/php-bridge-spec/schemas/responses/service-token-list.json' with { type: 'json' };
import auditRow from '@fila/php-bridge-spec/schemas/responses/audit-row.json' with { type: 'json' };
import auditList from '@fila/php-bridge-spec/schemas/responses/audit-list.json' with { type: 'json' };
import auditCheckpoint from '@fila/php-bridge-spec/schemas/responses/audit-checkpoint.json' with { type: 'json' };
import auditCheckpointList from '@fila/php-bridge-spec/schemas/responses/audit-checkpoint-list.json' with { type: 'json' };
import auditVerification from '@fila/php-bridge-spec/schemas/responses/audit-verification.json' with { type: 'json' };
import listAuditQuery from '@fila/php-bridge-spec/schemas/requests/list-audit-query.json' with { type: 'json' };
import listAuditCheckpointsQuery from '@fila/php-bridge-spec/schemas/requests/list-audit-checkpoints-query.json' with { type: 'json' };
import logLine from '@fila/php-bridge-spec/schemas/responses/log-line.json' with { type: 'json' };
import logList from '@fila/php-bridge-spec/schemas/responses/log-list.json' with { type: 'json' };
import listLogsQuery from '@fila/php-bridge-spec/schemas/requests/list-logs-query.json' with { type: 'json' };
import overviewQuery from '@fila/php-bridge-spec/schemas/requests/overview-query.json' with { type: 'json' };
import eventsQuery from '@fila/php-bridge-spec/schemas/requests/events-query.json' with { type: 'json' };
import overview from '@fila/php-bridge-spec/schemas/responses/overview.json' with { type: 'json' };
import event from '@fila/php-bridge-spec/schemas/responses/event.json' with { type: 'json' };
import createQueue from '@fila/php-bridge-spec/schemas/requests/create-queue.json' with { type: 'json' };
import updateQueue from '@fila/php-bridge-spec/schemas/requests/update-queue.json' with { type: 'json' };
import queue from '@fila/php-bridge-spec/schemas/responses/queue.json' with { type: 'json' };
import queueList from '@fila/php-bridge-spec/schemas/responses/queue-list.json' with { type: 'json' };
import setSetting from '@fila/php-bridge-spec/schemas/requests/set-setting.json' with { type: 'json' };
import listSettingVersionsQuery from '@fila/php-bridge-spec/schemas/requests/list-setting-versions-query.json' with { type: 'json' };
import setting from '@fila/php-bridge-spec/schemas/responses/setting.json' with { type: 'json' };
import settingList from '@fila/php-bridge-spec/schemas/responses/setting-list.json' with { type: 'json' };
import settingVersion from '@fila/php-bridge-spec/schemas/responses/setting-version.json' with { type: 'json' };
import settingVersionList from '@fila/php-bridge-spec/schemas/responses/setting-version-list.json' with { type: 'json' };
import preloadModel from '@fila/php-bridge-spec/schemas/requests/preload-model.json' with { type: 'json' };
import installedModel from '@fila/php-bridge-spec/schemas/responses/installed-model.json' with { type: 'json' };
import installedModelList from '@fila/php-bridge-spec/schemas/responses/installed-model-list.json' with { type: 'json' };
import modelAlias from '@fila/php-bridge-spec/schemas/responses/model-alias.json' with { type: 'json' };
import modelAliasList from '@fila/php-bridge-spec/schemas/responses/model-alias-list.json' with { type: 'json' };
import setModelAlias from '@fila/php-bridge-spec/schemas/requests/set-model-alias.json' with { type: 'json' };
import modelPreload from '@fila/php-bridge-spec/schemas/responses/model-preload.json' with { type: 'json' };
import batchLine from '@fila/php-bridge-spec/schemas/requests/batch-line.json' with { type: 'json' };
import batchLinesQuery from '@fila/php-bridge-spec/schemas/requests/batch-lines-query.json' with { type: 'json' };
import listBatchesQuery from '@fila/php-bridge-spec/schemas/requests/list-batches-query.json' with { type: 'json' };
import batch from '@fila/php-bridge-spec/schemas/responses/batch.json' with { type: 'json' };
import batchList from '@fila/php-bridge-spec/schemas/responses/batch-list.json' with { type: 'json' };
import batchResult from '@fila/php-bridge-spec/schemas/responses/batch-result.json' with { type: 'json' };
import { fail, type FilaError } from '../kernel/errors.ts';

/** In the order in which they may refer to each other. */
export const SCHEMAS: readonly ({ $id: string } & Record<string, unknown>)[] = [
  ...[toolCall, requestResult, requestError, requestUsage],
  ...[createRequest, requestStatus, request, requestList, listRequestsQuery],
  ...[batchLine, batch, batchList, batchResult, listBatchesQuery, batchLinesQuery],
  ...[requestEntry, requestEntryList, listAllRequestsQuery, usageHour, usage, usageQuery],
  ...[rotatedApiKey, rotateApiKeyQuery],
  ...[requestExplanation, attemptExplanation, callTimer, timerTerm],
  ...[requestTrace, traceStep],
  ...[apiKey, createdApiKey, apiKeyList, createApiKey, updateApiKey, listApiKeysQuery],
  ...[
    deadLetter,
    deadLetterList,
    deadLetterDetails,
    deadLetterRetry,
    deadLetterPreview,
    listDeadLettersQuery,
  ],
  ...[retryDeadLetter, discardDeadLetter, deadLetterFilter, retryDeadLetters],
  ...[operation, operationList, listOperationsQuery],
  ...[
    webhook,
    createdWebhook,
    webhookList,
    webhookDelivery,
    webhookDeliveryDetails,
    webhookDeliveryList,
    webhookRedelivery,
  ],
  ...[
    createWebhook,
    updateWebhook,
    rotateWebhookQuery,
    listWebhooksQuery,
    listWebhookDeliveriesQuery,
    redeliverWebhook,
  ],
  ...[upstream, upstreamList, createUpstream, updateUpstream, setUpstreamBreaker],
  ...[installedModel, installedModelList, preloadModel, modelPreload],
  ...[modelAlias, modelAliasList, setModelAlias],
  ...[plan, planList, createPlan, updatePlan],
  ...[queue, queueList, createQueue, updateQueue],
  ...[setting, settingList, settingVersion, settingVersionList, setSetting, listSettingVersionsQuery],
  ...[penalty, penaltyList, liftPenalty, liftedPenalty, appliedLimit, limitExplanation, explainLimitsQuery],
  ...[
    user,
    userList,
    passwordReset,
    session,
    sessionList,
    signedIn,
    whoami,
    endedSessions,
    steppedUp,
    totpEnrolment,
    recoveryCodes,
    serviceToken,
    createdServiceToken,
    serviceTokenList,
  ],
  ...[
    signIn,
    setPassword,
    changePassword,
    stepUp,
    confirmTotp,
    setUp,
    createUser,
    updateUser,
    listSessionsQuery,
    revokeSessions,
    createServiceToken,
  ],
  ...[auditRow, auditList, auditCheckpoint, auditCheckpointList, auditVerification],
  ...[listAuditQuery, listAuditCheckpointsQuery],
  ...[logLine, logList, listLogsQuery],
  ...[overview, event, overviewQuery, eventsQuery],
  ...[authentication, liveness, readiness, verification, problem],
];

/**
 * Bodies are taken as they are; only what came as text in a URL is turned into numbers. Compiled at the first use: there
 * are hundreds, of which a daemon needs a dozen.
 */
export function validatorOf(schema: object, part: string | undefined): Validate {
  let compiled: ValidateFunction | undefined;
  const validate: Validate = (value) => {
    compiled ??= (part === 'body' ? bodies() : texts()).compile(schema);
    const isValid = compiled(value);
    validate.errors = compiled.errors;
    return isValid;
  };
  return validate;
}

/** As Ajv's own: when it says no, `errors` says why, until the next call. */
export interface Validate {
  (value: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/** Throws what a client reads when a value is not of a schema of the contract. */
export function createChecker(schema: string): (value: unknown) => void {
  const validate = bodies().compile({ $ref: `${schema}#` });
  return (value) => {
    if (!validate(value)) throw validationFailed(validate.errors!, 'body');
  };
}

const bodies = ajvWith({ coerceTypes: false });
const texts = ajvWith({ coerceTypes: true });

/** Made once, when it is first needed: to read all schemas takes a tenth of a second. */
function ajvWith(options: { coerceTypes: boolean }): () => Ajv2020 {
  let made: Ajv2020 | undefined;
  return () => (made ??= ajv(options));
}

function ajv(options: { coerceTypes: boolean }): Ajv2020 {
  const validator = new Ajv2020({
    ...options,
    allErrors: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    useDefaults: false,
    verbose: false,
    // That they are schemas is seen by the tests.
    validateSchema: false,
  });
  ajvFormats.default(validator);
  for (const schema of SCHEMAS) validator.addSchema(schema);
  return validator;
}

const MOST_NAMED = 20;

/** What a client reads: each place that is wrong, once. */
export function validationFailed(errors: readonly ErrorObject[], part: string | undefined): FilaError {
  const said = new Map<string, string>();
  for (const error of errors.filter(isTelling)) {
    const place = pointerOf(error, part);
    // What is of the wrong type is wrong in other ways too, which only distract.
    if (!said.has(place) || error.keyword === 'type') said.set(place, sentenceOf(error));
  }
  const list = [...said].slice(0, MOST_NAMED).map(([pointer, detail]) => ({ pointer, detail }));
  const [first] = list;
  const detail = first ? `${first.pointer === '' ? 'The body' : first.pointer} ${first.detail}.` : undefined;
  return fail('validation_failed', { detail, errors: list });
}

/** The branches of a choice each complain; the choice itself says it better. */
function isTelling({ keyword, schemaPath }: ErrorObject): boolean {
  if (keyword === 'anyOf' || keyword === 'oneOf') return true;
  return !/\/(anyOf|oneOf)\/\d+\//.test(schemaPath);
}

function pointerOf(error: ErrorObject, part: string | undefined): string {
  const { additionalProperty, missingProperty } = error.params as {
    additionalProperty?: string;
    missingProperty?: string;
  };
  const name = additionalProperty ?? missingProperty;
  const pointer =
    error.instancePath + (name === undefined ? '' : `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return part === 'body' ? pointer : pointer.slice(1);
}

/** Those that people type, in words. */
const PATTERNS: Readonly<Record<string, string | undefined>> = {
  '^[^\\u0000-\\u001f\\u007f]+$': 'must have no control characters',
  '^[a-z0-9][a-z0-9_-]{0,39}$': 'must be small letters, digits, - and _, 40 at most, not - or _ first',
  '^[a-z0-9][a-z0-9._@-]{1,63}$':
    'must be 2 to 64 small letters, digits, ., _, @ and -, a letter or a digit first',
  '\\S': 'must not be blank',
};

function sentenceOf({ keyword, params, message, instancePath }: ErrorObject): string {
  if (keyword === 'additionalProperties') return 'is not a known field';
  if (keyword === 'required') return 'is missing';
  if (keyword === 'enum')
    return `must be one of ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}`;
  if (keyword === 'oneOf' && (instancePath === '' || instancePath === '/request'))
    return 'must have one of prompt, messages and input, and nothing that belongs to another of them';
  if (keyword === 'anyOf' || keyword === 'oneOf') return 'is not of any allowed form';
  if (keyword === 'type')
    return `must be ${[(params as { type: string | string[] }).type].flat().join(' or ')}`;
  if (keyword === 'pattern') {
    const { pattern } = params as { pattern: string };
    return PATTERNS[pattern] ?? `must match ${pattern}`;
  }
  return message ?? 'is not valid';
}
