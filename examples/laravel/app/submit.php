<?php

/** Queues a job that submits and ends; server.php hears of the answer. Beside `npm start`:  FILA_API_KEY=fila_live_… php examples/laravel/app/submit.php "Write a haiku" */

declare(strict_types=1);

use Fila\Laravel\Jobs\SubmitRequest;

require __DIR__.'/bootstrap.php';

$job = new SubmitRequest(['prompt' => $argv[1] ?? 'Write a haiku', 'metadata' => ['order' => 42]]);
dispatch($job);
echo "submitted {$job->idempotencyKey}\n";
