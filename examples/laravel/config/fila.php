<?php

/** Where the broker is, and how its webhooks are received. */

return [

    'url' => env('FILA_URL', 'http://127.0.0.1:7433'),

    'key' => env('FILA_API_KEY'),

    // Seconds for one attempt of a call.
    'timeout' => (float) env('FILA_TIMEOUT', 30),

    // How often a call is made again that may succeed later. Jobs leave that to their queue.
    'retries' => (int) env('FILA_RETRIES', 2),

    'webhook' => [

        'path' => env('FILA_WEBHOOK_PATH', 'fila/webhook'),

        // What the broker is to call; without it, the path above under APP_URL.
        'url' => env('FILA_WEBHOOK_URL'),

        // Several while a secret changes, separated by commas: the new one and the one before.
        'secrets' => array_values(array_filter(array_map('trim', explode(',', (string) env('FILA_WEBHOOK_SECRETS', ''))))),

        // The cache store that remembers what was handled; it needs locks. Null is the default store.
        'store' => env('FILA_WEBHOOK_STORE'),

        // Longer than the three days for which the broker tries to deliver.
        'remember_seconds' => 7 * 24 * 3600,

    ],

];
