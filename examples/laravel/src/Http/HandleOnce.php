<?php

/** Lets each webhook through until it was handled once; one that comes again is answered and ignored. */

declare(strict_types=1);

namespace Fila\Laravel\Http;

use Closure;
use Illuminate\Contracts\Cache\Factory;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Http\Request;
use Illuminate\Http\Response;

final class HandleOnce
{
    private const LOCK_SECONDS = 60;

    public function __construct(private readonly Factory $cache, private readonly Repository $config)
    {
    }

    /**
     * Remembered after the work, so that work which failed comes again; a process that dies in between handles twice.
     * A listener that must not has a unique column for the id.
     */
    public function handle(Request $request, Closure $next): mixed
    {
        $cache = $this->cache->store($this->config->get('fila.webhook.store'));
        $name = 'fila:webhook:'.$request->header('webhook-id');
        $lock = $cache->lock("$name:lock", self::LOCK_SECONDS);

        if (! $lock->get()) {
            return new Response('', 503);
        }

        try {
            if ($cache->has($name)) {
                return new Response('', 204);
            }

            $response = $next($request);

            if ($response->isSuccessful()) {
                $cache->put($name, true, $this->config->get('fila.webhook.remember_seconds'));
            }

            return $response;
        } finally {
            $lock->release();
        }
    }
}
