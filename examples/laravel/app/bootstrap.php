<?php

/** The smallest application that has what Fila needs. Yours has all of this already, and registers the provider by itself. */

declare(strict_types=1);

use Fila\Laravel\FilaServiceProvider;
use Illuminate\Bus\BusServiceProvider;
use Illuminate\Cache\CacheServiceProvider;
use Illuminate\Config\Repository;
use Illuminate\Encryption\EncryptionServiceProvider;
use Illuminate\Filesystem\FilesystemServiceProvider;
use Illuminate\Foundation\Application;
use Illuminate\Queue\QueueServiceProvider;
use Illuminate\Support\Facades\Facade;

// Laravel 8 was written for an older PHP, which had fewer deprecations.
error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', '0');

// Composer's, or what Debian's packages php-laravel-framework and php-guzzlehttp-guzzle bring.
$composer = __DIR__.'/../vendor/autoload.php';
$debian = ['/usr/share/php/Illuminate/autoload.php', '/usr/share/php/GuzzleHttp/autoload.php'];
foreach (is_file($composer) ? [$composer] : $debian as $file) {
    require_once $file;
}
require_once __DIR__.'/../../../packages/php-bridge-spec/php/src/autoload.php';
spl_autoload_register(static function (string $class): void {
    $file = __DIR__.'/../src/'.str_replace('\\', '/', substr($class, strlen('Fila\\Laravel\\'))).'.php';
    if (str_starts_with($class, 'Fila\\Laravel\\') && is_file($file)) {
        require $file;
    }
});

$app = new Application(__DIR__);
Facade::setFacadeApplication($app);

$app->instance('config', new Repository([
    'app' => [
        'url' => env('APP_URL', 'http://127.0.0.1:8080'),
        'key' => env('APP_KEY', 'base64:'.base64_encode(random_bytes(32))),
        'cipher' => 'AES-256-CBC',
    ],
    'cache' => [
        'default' => 'file',
        'prefix' => 'fila',
        'stores' => ['file' => ['driver' => 'file', 'path' => env('CACHE_PATH', sys_get_temp_dir().'/fila-laravel-cache')]],
    ],
    'queue' => ['default' => 'sync', 'connections' => ['sync' => ['driver' => 'sync']]],
]));

$providers = [
    EncryptionServiceProvider::class,
    FilesystemServiceProvider::class,
    CacheServiceProvider::class,
    QueueServiceProvider::class,
    BusServiceProvider::class,
    FilaServiceProvider::class,
];
foreach ($providers as $provider) {
    $app->register($provider);
}
$app->instance('request', Illuminate\Http\Request::create($app['config']['app.url']));
$app->boot();
$app['router']->getRoutes()->refreshNameLookups();

return $app;
