<?php
/** What a receiver does with each webhook: refuse it, ignore it as seen or unknown, or handle it, once. */
declare(strict_types=1);

namespace Fila;

final class Receiver
{
    private const KNOWN = ['request.completed', 'request.failed', 'request.cancelled', 'request.expired'];

    /**
     * `$once` runs the work and remembers the id in one transaction, an INSERT on a unique column first; false when the
     * id is there already. Work that throws is not remembered: the webhook comes again.
     *
     * @param list<string> $secrets
     * @param \Closure(string, \Closure(): void): bool $once
     * @param \Closure(array<string, mixed>): void $handle
     */
    public function __construct(
        private readonly array $secrets,
        private readonly \Closure $once,
        private readonly \Closure $handle,
    ) {
    }

    /**
     * @param array<string, string|list<string>> $headers
     * @return array{action: 'refuse'|'ignore'|'handle', status: int}
     */
    public function receive(string $body, array $headers, ?int $now = null): array
    {
        try {
            $event = Webhook::unwrap($body, $headers, $this->secrets, $now);
        } catch (InvalidWebhook) {
            return ['action' => 'refuse', 'status' => 400];
        }
        // A type that came later than this receiver is no error, or it would be sent again for days.
        if (!in_array($event['type'] ?? null, self::KNOWN, true)) {
            return ['action' => 'ignore', 'status' => 204];
        }
        $id = array_change_key_case($headers, CASE_LOWER)['webhook-id'];
        $isNew = ($this->once)(is_array($id) ? $id[0] : $id, fn () => ($this->handle)($event));
        return ['action' => $isNew ? 'handle' : 'ignore', 'status' => 204];
    }
}
