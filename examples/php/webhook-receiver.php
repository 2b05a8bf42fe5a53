<?php
/** Receives webhooks, each once:  FILA_WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:8080 examples/php/webhook-receiver.php */
declare(strict_types=1);

require __DIR__ . '/../../packages/php-bridge-spec/php/src/autoload.php';

/** One file for what was seen; an application has a table with a unique column. */
$seen = getenv('FILA_SEEN_FILE') ?: sys_get_temp_dir() . '/fila-webhooks-seen';

$once = static function (string $id, Closure $work) use ($seen): bool {
    $file = fopen($seen, 'c+');
    flock($file, LOCK_EX);
    $ids = explode("\n", (string) stream_get_contents($file));
    if (in_array($id, $ids, true)) {
        return false;
    }
    $work();
    fwrite($file, "$id\n");
    return true;
};

$handle = static function (array $event): void {
    error_log("{$event['type']} {$event['data']['id']}");
};

$receiver = new Fila\Receiver([(string) getenv('FILA_WEBHOOK_SECRET')], $once, $handle);
http_response_code($receiver->receive((string) file_get_contents('php://input'), getallheaders())['status']);
