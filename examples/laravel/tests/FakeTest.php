<?php

/** What a test of an application does with the fake:  phpunit --bootstrap examples/laravel/app/bootstrap.php examples/laravel/tests */

declare(strict_types=1);

namespace Fila\Laravel\Tests;

use Fila\FilaError;
use Fila\Laravel\Facades\Fila;
use Fila\Laravel\Jobs\SubmitRequest;
use PHPUnit\Framework\AssertionFailedError;
use PHPUnit\Framework\TestCase;

final class FakeTest extends TestCase
{
    public function test_a_request_is_answered_without_a_broker(): void
    {
        Fila::fake(static fn (array $request): string => strtoupper($request['prompt']));
        $sent = Fila::create(['prompt' => 'hello', 'metadata' => ['order' => 42]]);

        self::assertSame('pending', $sent['status']);
        self::assertSame('HELLO', Fila::wait($sent['id'])['result']['text']);
        self::assertSame(['order' => 42], Fila::get($sent['id'])['metadata']);
        self::assertSame([$sent['id']], array_column(Fila::list()['items'], 'id'));
        self::assertSame(['token', 'done'], array_column(iterator_to_array(Fila::stream($sent['id'])), 'type'));
    }

    public function test_what_was_submitted_can_be_asserted(): void
    {
        Fila::fake();
        Fila::assertNothingSubmitted();
        dispatch(new SubmitRequest(['prompt' => 'one'], 'key-1'));
        dispatch(new SubmitRequest(['prompt' => 'one'], 'key-1'));
        dispatch(new SubmitRequest(['prompt' => 'two']));

        Fila::assertSubmittedCount(2);
        Fila::assertSubmitted();
        Fila::assertSubmitted(static fn (array $request): bool => $request['prompt'] === 'two'
            && str_ends_with($request['callback_url'], '/fila/webhook'));
    }

    public function test_a_batch_has_each_of_its_answers_once(): void
    {
        Fila::fake(static fn (array $request): string => strtoupper($request['prompt']));
        $batch = Fila::createBatch([
            ['custom_id' => 'a', 'request' => ['prompt' => 'one']],
            ['custom_id' => 'b', 'request' => ['prompt' => 'two']],
        ]);

        self::assertSame('completed', Fila::waitForBatch($batch['id'])['status']);
        $lines = iterator_to_array(Fila::batchResults($batch['id']), false);
        self::assertSame(['a' => 'ONE', 'b' => 'TWO'], array_column(
            array_map(static fn (array $line): array => [$line['custom_id'], $line['result']['text']], $lines), 1, 0,
        ));
        self::assertSame([], iterator_to_array(Fila::batchErrors($batch['id']), false));
        Fila::assertSubmittedCount(2);
    }

    public function test_an_assertion_that_does_not_hold_fails(): void
    {
        Fila::fake();
        Fila::create(['prompt' => 'one']);
        $this->expectException(AssertionFailedError::class);
        Fila::assertSubmitted(static fn (array $request): bool => $request['prompt'] === 'other');
    }

    public function test_a_count_that_does_not_hold_fails(): void
    {
        Fila::fake();
        Fila::create(['prompt' => 'one']);
        $this->expectException(AssertionFailedError::class);
        Fila::assertNothingSubmitted();
    }

    public function test_an_error_of_the_broker_can_be_played(): void
    {
        Fila::fake(static fn () => throw new FilaError('rate_limited', 'Too many.', true, 429, 'call_1', 1000));

        try {
            Fila::create(['prompt' => 'one']);
            self::fail('It was taken.');
        } catch (FilaError $error) {
            self::assertSame(['code' => 'rate_limited', 'status' => 429, 'request_id' => 'call_1'], $error->context());
        }
    }

    public function test_what_is_not_there_is_not_found(): void
    {
        Fila::fake();

        try {
            Fila::get('req_none');
            self::fail('It was found.');
        } catch (FilaError $error) {
            self::assertSame('not_found', $error->errorCode);
        }
    }
}
