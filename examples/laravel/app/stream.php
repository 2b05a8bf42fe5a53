<?php

/** Prints an answer while it is given. Beside `npm start`:  FILA_API_KEY=fila_live_… php examples/laravel/app/stream.php "Tell me a story" */

declare(strict_types=1);

use Fila\Laravel\Facades\Fila;

require __DIR__.'/bootstrap.php';

$sent = Fila::create(['prompt' => $argv[1] ?? 'Tell me a story']);

foreach (Fila::stream($sent['id']) as $event) {
    echo match ($event['type']) {
        'token' => $event['text'] ?? '',
        'restart' => "\n(begins anew)\n",
        'done' => "\n",
        default => '',
    };
}
