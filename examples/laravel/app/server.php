<?php

/** Receives webhooks, and logs each answer:  FILA_API_KEY=fila_live_… FILA_WEBHOOK_SECRETS=whsec_… php -S 127.0.0.1:8080 examples/laravel/app/server.php */

declare(strict_types=1);

use Fila\Laravel\Events\RequestCompleted;
use Fila\Laravel\Events\RequestFailed;
use Fila\Laravel\Facades\Fila;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Event;

$app = require __DIR__.'/bootstrap.php';

// In an application these are listeners, best queued ones: the broker waits ten seconds for an answer.
Event::listen(RequestCompleted::class, static function (RequestCompleted $event): void {
    $request = Fila::get($event->data['id']);
    error_log("order {$event->data['metadata']['order']}: {$request['result']['text']}");
});
Event::listen(RequestFailed::class, static function (RequestFailed $event): void {
    error_log("{$event->data['id']} {$event->data['status']}: {$event->data['error']['code']}");
});

$request = Request::capture();
$app->instance('request', $request);
$app['router']->dispatch($request)->send();
