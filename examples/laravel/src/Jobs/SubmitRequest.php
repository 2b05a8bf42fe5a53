<?php

/** Hands a request to Fila and returns: no worker is kept while the model thinks, a webhook tells of the end. */

declare(strict_types=1);

namespace Fila\Laravel\Jobs;

use Fila\Client;
use Fila\FilaError;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Contracts\Queue\ShouldBeEncrypted;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Contracts\Routing\UrlGenerator;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Support\Str;

/** Encrypted, because it carries the prompt. */
class SubmitRequest implements ShouldBeEncrypted, ShouldQueue
{
    use Dispatchable, InteractsWithQueue, Queueable;

    public int $tries = 10;

    /** @var list<int> seconds */
    public array $backoff = [2, 10, 30, 60];

    /** The same in every attempt of this job, so that however often it runs there is one request. */
    public readonly string $idempotencyKey;

    /** @param  array<string, mixed>  $request */
    public function __construct(public readonly array $request, ?string $idempotencyKey = null)
    {
        $this->idempotencyKey = $idempotencyKey ?? (string) Str::uuid();
    }

    public function handle(Client $fila, Repository $config, UrlGenerator $url): void
    {
        $callback = ['callback_url' => $config->get('fila.webhook.url') ?? $url->route('fila.webhook')];

        try {
            $fila->withMaxRetries(0)->create($this->request + $callback, $this->idempotencyKey);
        } catch (FilaError $error) {
            $seconds = (int) ceil(($error->retryAfterMs ?? 0) / 1000);

            match (true) {
                ! $error->retryable => $this->fail($error),
                $seconds > 0 => $this->release($seconds),
                default => throw $error,
            };
        }
    }
}
