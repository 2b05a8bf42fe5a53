<?php
/** What goes wrong in a call: the broker's code, whether the same call may succeed later, and when. */
declare(strict_types=1);

namespace Fila;

final class FilaError extends \RuntimeException
{
    /** @param list<array{pointer: string, detail: string}> $errors places in the body that are wrong */
    public function __construct(
        public readonly string $errorCode,
        string $detail,
        public readonly bool $retryable,
        public readonly ?int $status = null,
        public readonly ?string $requestId = null,
        public readonly ?int $retryAfterMs = null,
        public readonly array $errors = [],
    ) {
        parent::__construct($detail);
    }
}
