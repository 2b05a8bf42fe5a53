<?php

/** A request has its answer; `Fila::get($event->data['id'])` reads it. */

declare(strict_types=1);

namespace Fila\Laravel\Events;

final class RequestCompleted
{
    /** @param  array<string, mixed>  $data  id, status, model, attempts, error, times, and the metadata that was sent */
    public function __construct(public readonly array $data, public readonly string $webhookId)
    {
    }
}
