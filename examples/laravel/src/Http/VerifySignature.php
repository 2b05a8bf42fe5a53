<?php

/** Lets through what one of the secrets has signed within the last five minutes. */

declare(strict_types=1);

namespace Fila\Laravel\Http;

use Closure;
use Fila\InvalidWebhook;
use Fila\Webhook;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Http\Request;
use Illuminate\Http\Response;

final class VerifySignature
{
    public function __construct(private readonly Repository $config)
    {
    }

    public function handle(Request $request, Closure $next): mixed
    {
        try {
            Webhook::verify($request->getContent(), $request->headers->all(), $this->config->get('fila.webhook.secrets'));
        } catch (InvalidWebhook) {
            return new Response('', 400);
        }

        return $next($request);
    }
}
