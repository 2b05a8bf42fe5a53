<?php
/** Sends a prompt and prints the answer. Beside `npm start`:  FILA_API_KEY=fila_live_… php examples/php/first-request.php */
declare(strict_types=1);

require __DIR__ . '/../../packages/php-bridge-spec/php/src/autoload.php';

$fila = new Fila\Client(getenv('FILA_URL') ?: 'http://127.0.0.1:7433', (string) getenv('FILA_API_KEY'));

try {
    $callback = getenv('FILA_CALLBACK_URL');
    $sent = $fila->create(['prompt' => $argv[1] ?? 'Why is the sky blue?'] + ($callback ? ['callback_url' => $callback] : []));
    $request = $fila->wait($sent['id'], 60);
    echo $request['result']['text'] ?? "{$request['status']}: {$request['error']['message']}", "\n";
} catch (Fila\FilaError $error) {
    fwrite(STDERR, "{$error->errorCode}: {$error->getMessage()} (call {$error->requestId})\n");
    exit(1);
}
