<?php
/** The contract's table of error codes: whether trying again can help. */
declare(strict_types=1);

namespace Fila;

final class Codes
{
    /** @param array<string, bool> $retryable by code */
    private function __construct(private readonly array $retryable)
    {
    }

    public static function ofContract(): self
    {
        $table = json_decode((string) file_get_contents(__DIR__ . '/../../errors.json'), true);
        return new self(array_column($table['http'], 'retryable', 'code'));
    }

    /** The table decides about the codes in it; any other answer is judged by its status. */
    public function isRetryable(int $status, string $code): bool
    {
        return $this->retryable[$code] ?? ($status === 408 || $status === 429 || $status >= 500);
    }
}
