<?php
/** The client: makes calls, and makes those again that may succeed later. */
declare(strict_types=1);

namespace Fila;

final class Client
{
    private const FINAL = ['completed', 'failed', 'cancelled', 'expired'];
    private const BATCH_FINAL = ['completed', 'cancelled'];
    private const BATCH_GAP_MS = 1_000;
    private const LONG_POLL_S = 20;
    private const MIN_GAP_MS = 500;
    /** The broker says something every 15 seconds. */
    private const MAX_SILENCE_S = 60.0;
    private const MAX_RECONNECTS = 10;

    private readonly Codes $codes;
    private readonly Transport $transport;

    public function __construct(
        string $url,
        #[\SensitiveParameter] private readonly string $key,
        private readonly float $timeoutSeconds = 30.0,
        private int $maxRetries = 2,
        ?Transport $transport = null,
    ) {
        $this->codes = Codes::ofContract();
        $this->transport = $transport ?? new PlainTransport(rtrim($url, '/'));
    }

    /** For callers that come back by themselves, as jobs of a queue do. */
    public function withMaxRetries(int $maxRetries): self
    {
        $other = clone $this;
        $other->maxRetries = $maxRetries;
        return $other;
    }

    /**
     * Once this has returned, the request is stored and will be worked on.
     *
     * @param array<string, mixed> $request
     * @return array<string, mixed>
     */
    public function create(array $request, ?string $idempotencyKey = null, int $waitSeconds = 0): array
    {
        // One for all attempts: whatever happens on the way, there is one request.
        return $this->send(Call::create($this->key, $request, $idempotencyKey ?? bin2hex(random_bytes(16)), $waitSeconds));
    }

    /** @return array<string, mixed> */
    public function get(string $id, int $waitSeconds = 0): array
    {
        return $this->send(Call::get($this->key, $id, $waitSeconds));
    }

    /** @return array<string, mixed> */
    public function cancel(string $id): array
    {
        return $this->send(Call::cancel($this->key, $id));
    }

    /**
     * @param array<string, scalar> $query
     * @return array<string, mixed>
     */
    public function list(array $query = []): array
    {
        return $this->send(Call::list($this->key, $query));
    }

    /**
     * Until the request is final; it goes on when the time is over.
     *
     * @return array<string, mixed>
     */
    public function wait(string $id, int $timeoutSeconds = 600): array
    {
        $look = fn (int $left) => $this->get($id, min(self::LONG_POLL_S, $left));
        return $this->poll($id, $look, self::FINAL, [$timeoutSeconds, self::MIN_GAP_MS]);
    }

    /**
     * Until each of its requests has ended; it goes on when the time is over.
     *
     * @return array<string, mixed>
     */
    public function waitForBatch(string $id, int $timeoutSeconds = 86_400): array
    {
        $look = fn () => $this->getBatch($id);
        return $this->poll($id, $look, self::BATCH_FINAL, [$timeoutSeconds, self::BATCH_GAP_MS]);
    }

    /**
     * @param \Closure(int): array<string, mixed> $look hears how many seconds are left
     * @param list<string> $final
     * @param array{int, int} $times for all of it in seconds, and from one look to the next in milliseconds at least
     * @return array<string, mixed>
     */
    private function poll(string $id, \Closure $look, array $final, array $times): array
    {
        [$timeoutSeconds, $gapMs] = $times;
        for ($deadline = microtime(true) + $timeoutSeconds; ;) {
            $startedAt = microtime(true);
            try {
                $seen = $look(max(0, (int) ceil($deadline - $startedAt)));
                if (in_array($seen['status'], $final, true)) {
                    return $seen;
                }
            } catch (FilaError $error) {
                // A broker that restarts is waited for.
                if (!$error->retryable) {
                    throw $error;
                }
            }
            if (microtime(true) >= $deadline) {
                throw new FilaError('timed_out', "$id was not final in time. It goes on.", true);
            }
            // Also for a proxy that takes the wish to wait out of the call.
            $tookMs = (microtime(true) - $startedAt) * 1000;
            usleep((int) max(0, $gapMs - $tookMs) * 1000);
        }
    }

    /**
     * The events of a request as they come, through cut connections: `type` is state, token (with `text` or `thinking`),
     * restart (forget what came before) or done (with `request`). Returns the request as it ended.
     *
     * @return \Generator<int, array<string, mixed>, void, array<string, mixed>>
     */
    public function stream(string $id): \Generator
    {
        $listener = new Listener();
        for ($failures = 0; ; $failures++) {
            $lastEventId = $listener->lastEventId;
            try {
                $incoming = $this->open(Call::stream($this->key, $id, $lastEventId));
                foreach ($listener->hear($incoming->parts) as $event) {
                    yield $event;
                }
                if ($listener->request !== null) {
                    return $listener->request;
                }
                throw FilaError::lostConnection('The stream ended before the request did.');
            } catch (FilaError $error) {
                // Only connections in a row that brought nothing new count.
                $failures = $listener->lastEventId === $lastEventId ? $failures : 0;
                $this->sleepOrThrow($error, $failures, self::MAX_RECONNECTS);
            }
        }
    }

    /**
     * Many requests at once, all of them or none: when a line is wrong, `errors` of the error names it.
     *
     * @param iterable<array{custom_id: string, request: array<string, mixed>}> $lines
     * @return array<string, mixed>
     */
    public function createBatch(iterable $lines, ?string $idempotencyKey = null): array
    {
        return $this->send(Call::createBatch($this->key, $lines, $idempotencyKey ?? bin2hex(random_bytes(16))));
    }

    /** @return array<string, mixed> */
    public function getBatch(string $id): array
    {
        return $this->send(Call::getBatch($this->key, $id));
    }

    /** @return array<string, mixed> */
    public function cancelBatch(string $id): array
    {
        return $this->send(Call::cancelBatch($this->key, $id));
    }

    /**
     * What completed so far, in the order of the upload, each once, as it comes and through cut connections.
     *
     * @param string $after the request of a line that was read before: what comes after it
     * @return \Generator<int, array<string, mixed>>
     */
    public function batchResults(string $id, string $after = ''): \Generator
    {
        return $this->batchLines($id, 'results', $after);
    }

    /** @return \Generator<int, array<string, mixed>> what failed, expired or was cancelled, likewise */
    public function batchErrors(string $id, string $after = ''): \Generator
    {
        return $this->batchLines($id, 'errors', $after);
    }

    private function batchLines(string $id, string $outcome, string $from): \Generator
    {
        $reader = new BatchReader($from);
        for ($failures = 0; ; $failures++) {
            $after = $reader->after;
            try {
                $lines = $reader->read($this->open(Call::batchLines($this->key, $id, $outcome, $after))->parts);
                foreach ($lines as $line) {
                    yield $line;
                }
                if ($lines->getReturn()) {
                    return;
                }
                $failures = -1;
            } catch (FilaError $error) {
                $failures = $reader->after === $after ? $failures : 0;
                $this->sleepOrThrow($error, $failures, self::MAX_RECONNECTS);
            }
        }
    }

    /** An answer that is read as it comes; one that is none is thrown as what it tells. */
    private function open(Call $call): Incoming
    {
        $incoming = $this->transport->open($call, self::MAX_SILENCE_S);
        if ($incoming->status !== 200) {
            $incoming->whole()->data($this->codes);
        }
        return $incoming;
    }

    /** @return array<string, mixed> */
    private function send(Call $call): array
    {
        for ($retries = 0; ; $retries++) {
            try {
                $incoming = $this->transport->open($call, $this->timeoutSeconds + $call->waitSeconds);
                return $incoming->whole()->data($this->codes);
            } catch (FilaError $error) {
                $this->sleepOrThrow($error, $retries, $this->maxRetries);
            }
        }
    }

    private function sleepOrThrow(FilaError $error, int $retriesDone, int $maxRetries): void
    {
        $delayMs = Retry::delayMs($error, $retriesDone, $maxRetries, mt_rand() / (mt_getrandmax() + 1));
        if ($delayMs === null) {
            throw $error;
        }
        usleep($delayMs * 1000);
    }
}
