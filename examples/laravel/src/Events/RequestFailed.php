<?php

/** A request has ended without an answer: `data['status']` is failed, cancelled or expired. */

declare(strict_types=1);

namespace Fila\Laravel\Events;

final class RequestFailed
{
    /** @param  array<string, mixed>  $data  id, status, model, attempts, error, times, and the metadata that was sent */
    public function __construct(public readonly array $data, public readonly string $webhookId)
    {
    }
}
