<?php
/** What the reference client makes of one case of the vectors. */
declare(strict_types=1);

use Fila\Answer;
use Fila\BatchReader;
use Fila\Call;
use Fila\Codes;
use Fila\FilaError;
use Fila\InvalidWebhook;
use Fila\Listener;
use Fila\Receiver;
use Fila\Retry;
use Fila\Webhook;

require __DIR__ . '/src/autoload.php';

/**
 * Null: not for clients.
 *
 * @param array<string, mixed> $given
 * @return array<string, mixed>|null
 */
function answerCase(string $file, array $given): ?array
{
    return match ($file) {
        'signatures.json' => signature($given),
        'retries.json' => retry($given),
        'problems.json' => problem($given),
        'calls.json' => outgoing($given),
        'deliveries.json' => deliveries($given),
        'streams.json' => streams($given),
        'batches.json' => batches($given),
        default => null,
    };
}

function signature(array $given): array
{
    try {
        Webhook::verify(base64_decode($given['body']), $given['headers'], $given['secrets'], $given['now']);
        return ['valid' => true];
    } catch (InvalidWebhook $invalid) {
        return ['valid' => false, 'reason' => $invalid->reason];
    }
}

function retry(array $given): array
{
    $afterMs = Retry::afterMs($given['retry_after'], $given['now']);
    $code = $given['code'] ?? "http_{$given['status']}";
    $retryable = $given['status'] === null || Codes::ofContract()->isRetryable($given['status'], $code);
    $error = new FilaError($code, 'a case', $retryable, $given['status'], null, $afterMs);
    $delayMs = Retry::delayMs($error, $given['retries_done'], $given['max_retries'], $given['chance']);
    return $delayMs === null ? ['retry' => false] : ['retry' => true, 'delay_ms' => $delayMs];
}

function problem(array $given): array
{
    try {
        $answer = new Answer($given['status'], $given['headers'], base64_decode($given['body']));
        return ['data' => $answer->data(Codes::ofContract(), $given['now'])];
    } catch (FilaError $error) {
        return [
            'code' => $error->errorCode,
            'retryable' => $error->retryable,
            'request_id' => $error->requestId,
            'retry_after_ms' => $error->retryAfterMs,
            'pointers' => array_column($error->errors, 'pointer'),
            'lines' => array_column($error->errors, 'line'),
        ];
    }
}

function outgoing(array $given): array
{
    [$key, $wait] = [$given['key'], $given['wait_seconds'] ?? 0];
    try {
        $call = match ($given['operation']) {
            'create' => Call::create($key, $given['body'], $given['idempotency_key'], $wait),
            'get' => Call::get($key, $given['id'], $wait),
            'cancel' => Call::cancel($key, $given['id']),
            'list' => Call::list($key, $given['query']),
            'create_batch' => Call::createBatch($key, $given['lines'], $given['idempotency_key']),
            'get_batch' => Call::getBatch($key, $given['id']),
            'cancel_batch' => Call::cancelBatch($key, $given['id']),
            'batch_results' => Call::batchLines($key, $given['id'], 'results', $given['after'] ?? ''),
            'batch_errors' => Call::batchLines($key, $given['id'], 'errors', $given['after'] ?? ''),
        };
    } catch (FilaError) {
        return ['refused' => true];
    }
    $answer = ['method' => $call->method, 'target' => $call->target, 'headers' => $call->headers];
    if (isset($given['lines'])) {
        $lines = explode("\n", (string) $call->body);
        // What stands behind the last line end is no line.
        $left = array_pop($lines);
        return $answer + ['lines' => array_map(json_decode(...), $lines), 'left' => $left];
    }
    return $answer + ['body' => $call->body === null ? null : json_decode($call->body)];
}

function deliveries(array $given): array
{
    $seen = [];
    $handled = [];
    $once = static function (string $id, Closure $work) use (&$seen): bool {
        if (isset($seen[$id])) {
            return false;
        }
        $work();
        return $seen[$id] = true;
    };
    $handle = static function (array $event) use (&$handled): void {
        $handled[] = $event['data']['id'];
    };
    $receiver = new Receiver($given['secrets'], $once, $handle);
    $actions = array_map(
        static fn (array $call) => $receiver->receive(base64_decode($call['body']), $call['headers'], $given['now']),
        $given['calls'],
    );
    return [
        'actions' => array_column($actions, 'action'),
        'accepted' => array_map(static fn (array $one) => $one['status'] < 300, $actions),
        'handled' => $handled,
    ];
}

function streams(array $given): array
{
    $listener = new Listener();
    [$ids, $error] = [[], null];
    try {
        foreach ($given['connections'] as $parts) {
            $ids[] = $listener->lastEventId;
            $heard = $listener->hear(array_map(base64_decode(...), $parts));
            iterator_to_array($heard, false);
            if ($heard->getReturn()) {
                break;
            }
        }
    } catch (FilaError $failed) {
        $error = $failed->errorCode;
    }
    return [
        'text' => $listener->text,
        'thinking' => $listener->thinking,
        'last_event_ids' => $ids,
        'status' => $listener->request['status'] ?? null,
        'error' => $error,
    ];
}

function batches(array $given): array
{
    $reader = new BatchReader($given['after'] ?? '');
    [$read, $asked, $error] = [[], [], null];
    foreach ($given['connections'] as ['parts' => $parts, 'cut' => $isCut]) {
        $asked[] = $reader->after;
        try {
            $lines = $reader->read(arrivingParts($parts, $isCut));
            foreach ($lines as $line) {
                $read[] = $line['custom_id'];
            }
            if ($lines->getReturn()) {
                break;
            }
        } catch (FilaError $failed) {
            if (!$failed->retryable) {
                $error = $failed->errorCode;
                break;
            }
        }
    }
    return ['read' => $read, 'after' => $asked, 'error' => $error];
}

/** As a transport hands them on: a cut that it notices is thrown. */
function arrivingParts(array $parts, bool $isCut): Generator
{
    foreach ($parts as $part) {
        yield base64_decode($part);
    }
    if ($isCut) {
        throw FilaError::lostConnection('a case');
    }
}
