<?php
/** Finds the classes of this folder. */
declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    $file = __DIR__ . '/' . substr($class, 5) . '.php';
    if (str_starts_with($class, 'Fila\\') && is_file($file)) {
        require $file;
    }
});
