<?php

/** Turns a webhook into an event of the application. */

declare(strict_types=1);

namespace Fila\Laravel\Http;

use Fila\Laravel\Events\RequestCompleted;
use Fila\Laravel\Events\RequestFailed;
use Illuminate\Contracts\Events\Dispatcher;
use Illuminate\Http\Request;
use Illuminate\Http\Response;

final class WebhookController
{
    public function __invoke(Request $request, Dispatcher $events): Response
    {
        $webhook = json_decode($request->getContent(), true);
        $data = $webhook['data'] ?? [];
        $webhookId = (string) $request->header('webhook-id');

        match ($webhook['type'] ?? null) {
            'request.completed' => $events->dispatch(new RequestCompleted($data, $webhookId)),
            'request.failed', 'request.cancelled', 'request.expired' => $events->dispatch(new RequestFailed($data, $webhookId)),
            // A type that came later than this code is no error, or it would be sent again for days.
            default => null,
        };

        return new Response('', 204);
    }
}
