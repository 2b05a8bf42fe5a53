<?php
/** The client: sends calls over PHP's own HTTP streams, and makes those again that may succeed later. */
declare(strict_types=1);

namespace Fila;

final class Client
{
    private const FINAL = ['completed', 'failed', 'cancelled', 'expired'];
    private const LONG_POLL_S = 20;
    private const MIN_GAP_MS = 500;

    private readonly Codes $codes;

    public function __construct(
        private readonly string $url,
        #[\SensitiveParameter] private readonly string $key,
        private readonly float $timeoutSeconds = 30.0,
        private readonly int $maxRetries = 2,
    ) {
        $this->codes = Codes::ofContract();
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
            $request = $this->get($id, max(0, min(self::LONG_POLL_S, $left)));
            if (in_array($request['status'], self::FINAL, true)) {
                return $request;
            }
            if (microtime(true) >= $deadline) {
                throw new FilaError('timed_out', "$id was not final in time. It goes on.", true);
            }
            // For a proxy that takes the wish to wait out of the call.
            $tookMs = (microtime(true) - $startedAt) * 1000;
            usleep((int) max(0, self::MIN_GAP_MS - $tookMs) * 1000);
        }
    }

    /** @return array<string, mixed> */
    private function send(Call $call): array
    {
        for ($retries = 0; ; $retries++) {
            try {
                return $this->attempt($call)->data($this->codes);
            } catch (FilaError $error) {
                $delayMs = Retry::delayMs($error, $retries, $this->maxRetries, mt_rand() / (mt_getrandmax() + 1));
                if ($delayMs === null) {
                    throw $error;
                }
                usleep($delayMs * 1000);
            }
        }
    }

    private function attempt(Call $call): Answer
    {
        $lines = array_map(static fn ($name, $value) => "$name: $value", array_keys($call->headers), $call->headers);
        $options = [
            'method' => $call->method,
            'header' => [...$lines, 'connection: close'],
            'content' => $call->body ?? '',
            'protocol_version' => 1.1,
            'timeout' => $this->timeoutSeconds + $call->waitSeconds,
            'ignore_errors' => true,
            // A redirect would turn a POST into a GET, or carry a prompt to a host that nobody named.
            'follow_location' => 0,
        ];
        $http_response_header = [];
        $body = @file_get_contents($this->url . $call->target, false, stream_context_create(['http' => $options]));
        if ($body === false || !isset($http_response_header[0])) {
            throw new FilaError('connection_failed', "The connection to {$this->url} failed.", true);
        }
        $headers = [];
        foreach (array_slice($http_response_header, 1) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[$name] = trim($value);
        }
        $answer = new Answer((int) explode(' ', $http_response_header[0])[1], $headers, $body);
        $length = $answer->headers['content-length'] ?? null;
        // PHP takes a cut connection for the end of the body.
        if ($length !== null && strlen($body) < (int) $length) {
            throw new FilaError('connection_failed', 'The answer was cut off.', true);
        }
        return $answer;
    }
}
