<?php
/** What came back over HTTP: its data, or the error that it tells. */
declare(strict_types=1);

namespace Fila;

final class Answer
{
    /** @var array<string, string> by name in lower case */
    public readonly array $headers;

    /** @param array<string, string> $headers */
    public function __construct(public readonly int $status, array $headers, public readonly string $body)
    {
        $this->headers = array_change_key_case($headers, CASE_LOWER);
    }

    /** @return array<string, mixed> */
    public function data(Codes $codes, ?int $nowSeconds = null): array
    {
        $data = json_decode($this->body, true, 64);
        $isGood = $this->status >= 200 && $this->status < 300;
        if ($isGood && is_array($data)) {
            return $data;
        }
        // Nothing of the body goes into the error: it may hold an answer, or a key.
        if ($isGood) {
            throw new FilaError(
                'invalid_answer',
                "The answer ({$this->status}) is not a JSON object.",
                false,
                $this->status,
                $this->headers['x-request-id'] ?? null,
            );
        }
        throw $this->error($codes, is_array($data) ? $data : [], $nowSeconds ?? time());
    }

    /** @param array<string, mixed> $problem */
    private function error(Codes $codes, array $problem, int $nowSeconds): FilaError
    {
        $isOurs = is_string($problem['code'] ?? null);
        $code = $isOurs ? $problem['code'] : "http_{$this->status}";
        $texts = array_filter([$problem['detail'] ?? null, $problem['title'] ?? null], is_string(...));
        $seconds = $problem['retry_after'] ?? null;
        return new FilaError(
            $code,
            $isOurs && $texts !== []
                ? reset($texts)
                : "Something that is not Fila answered {$this->status}.",
            $codes->isRetryable($this->status, $code),
            $this->status,
            $this->headers['x-request-id'] ?? $problem['request_id'] ?? null,
            Retry::afterMs($this->headers['retry-after'] ?? null, $nowSeconds)
                ?? (is_int($seconds) || is_float($seconds) ? (int) ($seconds * 1000) : null),
            is_array($problem['errors'] ?? null) ? $problem['errors'] : [],
        );
    }
}
