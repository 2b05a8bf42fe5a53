<?php
/** A call as it goes out, the same in all attempts. */
declare(strict_types=1);

namespace Fila;

final class Call
{
    private const FLAGS = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION;

    /** @param array<string, string> $headers */
    private function __construct(
        public readonly string $method,
        public readonly string $target,
        public readonly array $headers,
        public readonly ?string $body,
        public readonly int $waitSeconds = 0,
    ) {
    }

    /** @param array<string, mixed> $request */
    public static function create(#[\SensitiveParameter] string $key, array $request, string $idempotencyKey, int $waitSeconds = 0): self
    {
        $headers = ['content-type' => 'application/json', 'idempotency-key' => $idempotencyKey];
        return self::of('POST', '/api/v1/requests', $key, $headers, self::json($request), $waitSeconds);
    }

    /**
     * Lines as they are read: no more than the text of the upload is held.
     *
     * @param iterable<array{custom_id: string, request: array<string, mixed>}> $lines
     */
    public static function createBatch(#[\SensitiveParameter] string $key, iterable $lines, string $idempotencyKey): self
    {
        $text = '';
        foreach ($lines as $line) {
            $request = self::json($line['request']);
            $text .= '{"custom_id":' . json_encode($line['custom_id'], self::FLAGS) . ",\"request\":$request}\n";
        }
        $headers = ['content-type' => 'application/x-ndjson', 'idempotency-key' => $idempotencyKey];
        return self::of('POST', '/api/v1/batches', $key, $headers, $text);
    }

    public static function getBatch(#[\SensitiveParameter] string $key, string $id): self
    {
        return self::of('GET', '/api/v1/batches/' . self::checked($id), $key);
    }

    public static function cancelBatch(#[\SensitiveParameter] string $key, string $id): self
    {
        return self::of('POST', '/api/v1/batches/' . self::checked($id) . '/cancel', $key);
    }

    /** @param string $after the request of the last line that was read; empty for the first call */
    public static function batchLines(#[\SensitiveParameter] string $key, string $id, string $outcome, string $after = ''): self
    {
        $query = $after === '' ? '' : '?' . http_build_query(['after' => $after], '', '&', PHP_QUERY_RFC3986);
        $headers = ['accept' => 'application/x-ndjson, application/problem+json'];
        return self::of('GET', '/api/v1/batches/' . self::checked($id) . "/$outcome$query", $key, $headers);
    }

    /** @param array<string, mixed> $request */
    private static function json(array $request): string
    {
        // An empty array is a list to PHP; these are objects.
        foreach (['parameters', 'metadata'] as $name) {
            if (($request[$name] ?? null) === []) {
                $request[$name] = new \stdClass();
            }
        }
        foreach (['messages', 'tools', 'format'] as $name) {
            if (is_array($request[$name] ?? null)) {
                $request[$name] = self::withObjects($request[$name]);
            }
        }
        return json_encode($request, self::FLAGS);
    }

    public static function get(#[\SensitiveParameter] string $key, string $id, int $waitSeconds = 0): self
    {
        return self::of('GET', '/api/v1/requests/' . self::checked($id), $key, [], null, $waitSeconds);
    }

    /** What comes after the event that was heard last; everything when there was none. */
    public static function stream(#[\SensitiveParameter] string $key, string $id, string $lastEventId = ''): self
    {
        $headers = ['accept' => 'text/event-stream'] + ($lastEventId === '' ? [] : ['last-event-id' => $lastEventId]);
        return self::of('GET', '/api/v1/requests/' . self::checked($id) . '/stream', $key, $headers);
    }

    public static function cancel(#[\SensitiveParameter] string $key, string $id): self
    {
        return self::of('POST', '/api/v1/requests/' . self::checked($id) . '/cancel', $key);
    }

    /** @param array<string, scalar> $query */
    public static function list(#[\SensitiveParameter] string $key, array $query = []): self
    {
        $text = http_build_query($query, '', '&', PHP_QUERY_RFC3986);
        return self::of('GET', '/api/v1/requests' . ($text === '' ? '' : "?$text"), $key);
    }

    public function isStream(): bool
    {
        return preg_match('~^(text/event-stream|application/x-ndjson)~', $this->headers['accept']) === 1;
    }

    /** @param array<string, string> $headers */
    private static function of(
        string $method,
        string $target,
        #[\SensitiveParameter] string $key,
        array $headers = [],
        ?string $body = null,
        int $waitSeconds = 0,
    ): self {
        $headers += ['accept' => 'application/json, application/problem+json', 'authorization' => "Bearer $key"];
        if ($waitSeconds > 0) {
            $headers['prefer'] = "wait=$waitSeconds";
        }
        return new self($method, $target, $headers, $body, $waitSeconds);
    }

    /** Arguments of tools and parts of a JSON Schema, at any depth. */
    private static function withObjects(array $value): array
    {
        foreach ($value as $name => $one) {
            if (is_array($one)) {
                $isObject = in_array($name, ['arguments', 'parameters', 'properties'], true);
                $value[$name] = $one === [] && $isObject ? new \stdClass() : self::withObjects($one);
            }
        }
        return $value;
    }

    /** An empty id would address the list, ".." the folder above. */
    private static function checked(string $id): string
    {
        if (preg_match('/^[\w-]+$/D', $id) !== 1) {
            throw new FilaError('invalid_argument', 'This is not an id of Fila.', false);
        }
        return $id;
    }
}
