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

    /** For a transport: whether the call has arrived is not known, so it is made again. */
    public static function lostConnection(string $detail): self
    {
        return new self('connection_failed', $detail, true);
    }

    /**
     * For logs: what names the call, and nothing of its content.
     *
     * @return array{code: string, status: ?int, request_id: ?string}
     */
    public function context(): array
    {
        return ['code' => $this->errorCode, 'status' => $this->status, 'request_id' => $this->requestId];
    }
}
