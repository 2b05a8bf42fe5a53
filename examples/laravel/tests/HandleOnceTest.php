<?php

/** What is remembered of a webhook. */

declare(strict_types=1);

namespace Fila\Laravel\Tests;

use Fila\Laravel\Http\HandleOnce;
use Illuminate\Http\Request;
use Illuminate\Http\Response;
use PHPUnit\Framework\TestCase;

final class HandleOnceTest extends TestCase
{
    public function test_work_that_failed_is_done_again_and_work_that_is_done_is_not(): void
    {
        $request = Request::create('/fila/webhook', 'POST');
        $request->headers->set('webhook-id', uniqid('msg_', true));
        $done = [];

        foreach ([500, 204, 204] as $status) {
            app(HandleOnce::class)->handle($request, static function () use ($status, &$done): Response {
                $done[] = $status;

                return new Response('', $status);
            });
        }

        self::assertSame([500, 204], $done);
    }
}
