<?php
/** Sends many prompts at once and prints each answer. Beside `npm start`:  FILA_API_KEY=fila_live_… php examples/php/batch.php */
declare(strict_types=1);

require __DIR__ . '/../../packages/php-bridge-spec/php/src/autoload.php';

$fila = new Fila\Client(getenv('FILA_URL') ?: 'http://127.0.0.1:7433', (string) getenv('FILA_API_KEY'));

try {
    $batch = $fila->createBatch([
        ['custom_id' => 'greeting', 'request' => ['prompt' => 'Translate: Olá']],
        ['custom_id' => 'farewell', 'request' => ['prompt' => 'Translate: Adeus']],
    ]);
    $fila->waitForBatch($batch['id']);
    foreach ($fila->batchResults($batch['id']) as $line) {
        echo "{$line['custom_id']}: {$line['result']['text']}\n";
    }
    foreach ($fila->batchErrors($batch['id']) as $line) {
        echo "{$line['custom_id']}: {$line['status']}\n";
    }
} catch (Fila\FilaError $error) {
    fwrite(STDERR, "{$error->errorCode}: {$error->getMessage()}\n");
    foreach ($error->errors as ['line' => $line, 'pointer' => $pointer, 'detail' => $detail]) {
        fwrite(STDERR, "line $line $pointer $detail\n");
    }
    exit(1);
}
