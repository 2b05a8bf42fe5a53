<?php
/** Prints an answer while it is given. Beside `npm start`:  FILA_API_KEY=fila_live_… php examples/php/stream.php */
declare(strict_types=1);

require __DIR__ . '/../../packages/php-bridge-spec/php/src/autoload.php';

$fila = new Fila\Client(getenv('FILA_URL') ?: 'http://127.0.0.1:7433', (string) getenv('FILA_API_KEY'));

// The id of a request that was sent before, or a prompt.
$asked = $argv[1] ?? 'Tell me a story.';
$id = str_starts_with($asked, 'req_') ? $asked : $fila->create(['prompt' => $asked])['id'];

foreach ($fila->stream($id) as $event) {
    echo match ($event['type']) {
        'token' => $event['text'] ?? '',
        'restart' => "\n(that attempt failed: the answer begins anew)\n",
        'done' => "\n{$event['request']['status']}\n",
        default => '',
    };
}
