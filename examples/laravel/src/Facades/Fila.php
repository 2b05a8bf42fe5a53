<?php

/** The client, within reach of everything; and its fake. */

declare(strict_types=1);

namespace Fila\Laravel\Facades;

use Closure;
use Fila\Client;
use Fila\Laravel\Testing\FakeBroker;
use Illuminate\Support\Facades\Facade;

/**
 * @method static array create(array $request, ?string $idempotencyKey = null, int $waitSeconds = 0)
 * @method static array get(string $id, int $waitSeconds = 0)
 * @method static array wait(string $id, int $timeoutSeconds = 600)
 * @method static \Generator stream(string $id)
 * @method static array cancel(string $id)
 * @method static array list(array $query = [])
 * @method static array createBatch(iterable $lines, ?string $idempotencyKey = null)
 * @method static array getBatch(string $id)
 * @method static array waitForBatch(string $id, int $timeoutSeconds = 86_400)
 * @method static array cancelBatch(string $id)
 * @method static \Generator batchResults(string $id, string $after = '')
 * @method static \Generator batchErrors(string $id, string $after = '')
 *
 * @see Client
 */
final class Fila extends Facade
{
    /**
     * From now on nothing leaves the application, and every request is completed with this answer. A closure is given
     * the request and returns the answer, or throws a FilaError.
     *
     * @param  string|Closure(array<string, mixed>): string  $answer
     */
    public static function fake(string|Closure $answer = 'An answer.'): FakeBroker
    {
        $broker = new FakeBroker($answer);
        static::swap(new Client('http://fila.test', 'a key', maxRetries: 0, transport: $broker));
        static::$app->instance(FakeBroker::class, $broker);

        return $broker;
    }

    /** @param  (Closure(array<string, mixed>): bool)|null  $isMeant  of the body that was sent */
    public static function assertSubmitted(?Closure $isMeant = null): void
    {
        static::$app->make(FakeBroker::class)->assertSubmitted($isMeant);
    }

    public static function assertSubmittedCount(int $count): void
    {
        static::$app->make(FakeBroker::class)->assertSubmittedCount($count);
    }

    public static function assertNothingSubmitted(): void
    {
        self::assertSubmittedCount(0);
    }

    protected static function getFacadeAccessor(): string
    {
        return Client::class;
    }
}
