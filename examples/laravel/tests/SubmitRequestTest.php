<?php

/** What the job makes of each kind of error. */

declare(strict_types=1);

namespace Fila\Laravel\Tests;

use Fila\FilaError;
use Fila\Laravel\Facades\Fila;
use Fila\Laravel\Jobs\SubmitRequest;
use Illuminate\Queue\Jobs\SyncJob;
use PHPUnit\Framework\TestCase;
use stdClass;

final class SubmitRequestTest extends TestCase
{
    public function test_a_limit_is_waited_for_in_the_queue(): void
    {
        $queued = $this->runAgainst(new FilaError('rate_limited', 'Too many.', true, 429, null, 1500));

        self::assertSame([2], $queued->delays);
        self::assertFalse($queued->hasFailed());
    }

    public function test_what_cannot_succeed_fails_at_once(): void
    {
        $queued = $this->runAgainst(new FilaError('unauthorized', 'The key is not accepted.', false, 401));

        self::assertTrue($queued->hasFailed());
        self::assertSame([], $queued->delays);
    }

    public function test_a_lost_connection_is_left_to_the_backoff_of_the_job(): void
    {
        $this->expectExceptionObject(FilaError::lostConnection('The connection failed.'));
        $this->runAgainst(FilaError::lostConnection('The connection failed.'));
    }

    private function runAgainst(FilaError $error): object
    {
        Fila::fake(static fn () => throw $error);
        $payload = json_encode(['job' => stdClass::class, 'data' => []]);
        $queued = new class(app(), $payload, 'sync', 'default') extends SyncJob
        {
            /** @var list<int> */
            public array $delays = [];

            public function release($delay = 0): void
            {
                $this->delays[] = $delay;
            }
        };
        $job = new SubmitRequest(['prompt' => 'one']);
        $job->setJob($queued);
        app()->call([$job, 'handle']);

        return $queued;
    }
}
