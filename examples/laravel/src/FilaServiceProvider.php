<?php

/** Gives an application one client of Fila, and the route for its webhooks. */

declare(strict_types=1);

namespace Fila\Laravel;

use Fila\Client;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Support\ServiceProvider;

final class FilaServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->mergeConfigFrom(__DIR__.'/../config/fila.php', 'fila');

        $this->app->singleton(Client::class, static function (Application $app): Client {
            $config = $app['config']['fila'];
            $transport = new HttpTransport(rtrim($config['url'], '/'));

            return new Client($config['url'], (string) $config['key'], $config['timeout'], $config['retries'], $transport);
        });
    }

    public function boot(): void
    {
        $this->publishes([__DIR__.'/../config/fila.php' => $this->app->configPath('fila.php')], 'fila-config');
        $this->loadRoutesFrom(__DIR__.'/../routes/fila.php');
    }
}
