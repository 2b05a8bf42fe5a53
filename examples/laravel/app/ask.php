<?php

/** Asks, and waits for the answer. Beside `npm start`:  FILA_API_KEY=fila_live_… php examples/laravel/app/ask.php "Why is the sky blue?" */

declare(strict_types=1);

use Fila\FilaError;
use Fila\Laravel\Facades\Fila;

require __DIR__.'/bootstrap.php';

try {
    $sent = Fila::create(['prompt' => $argv[1] ?? 'Why is the sky blue?']);
    $request = Fila::wait($sent['id'], timeoutSeconds: 60);
    echo $request['result']['text'] ?? "{$request['status']}: {$request['error']['message']}", "\n";
} catch (FilaError $error) {
    fwrite(STDERR, "{$error->errorCode}: {$error->getMessage()} (call {$error->requestId})\n");
    exit(1);
}
