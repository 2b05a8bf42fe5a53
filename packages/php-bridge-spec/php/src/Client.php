<?php
/** The client: makes calls, and makes those again that may succeed later. */
declare(strict_types=1);

namespace Fila;

final class Client
{
    private const FINAL = ['completed', 'failed', 'cancelled', 'expired'];
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
        for ($deadline = microtime(true) + $timeoutSeconds; ;) {
            $startedAt = microtime(true);
            $left = (int) ceil($deadline - $startedAt);
            try {
                $request = $this->get($id, max(0, min(self::LONG_POLL_S, $left)));
                if (in_array($request['status'], self::FINAL, true)) {
                    return $request;
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
            // For a proxy that takes the wish to wait out of the call.
            $tookMs = (microtime(true) - $startedAt) * 1000;
            usleep((int) max(0, self::MIN_GAP_MS - $tookMs) * 1000);
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
                $incoming = $this->transport->open(Call::stream($this->key, $id, $lastEventId), self::MAX_SILENCE_S);
                if ($incoming->status !== 200) {
                    $incoming->whole()->data($this->codes);
                }
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
