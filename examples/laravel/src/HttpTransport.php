<?php

/** The client's transport over Laravel's HTTP client, so that its events, middleware and fakes see every call. */

declare(strict_types=1);

namespace Fila\Laravel;

use Fila\Call;
use Fila\FilaError;
use Fila\Incoming;
use Fila\Transport;
use Generator;
use GuzzleHttp\Exception\TransferException;
use Illuminate\Http\Client\ConnectionException;
use Illuminate\Support\Arr;
use Illuminate\Support\Facades\Http;
use Psr\Http\Message\StreamInterface;
use RuntimeException;

final class HttpTransport implements Transport
{
    private const PART_BYTES = 8192;

    public function __construct(private readonly string $url)
    {
    }

    public function open(Call $call, float $timeoutSeconds): Incoming
    {
        // The content type comes with the body; twice it would be another one.
        $pending = Http::withHeaders(Arr::except($call->headers, 'content-type'))->withOptions([
            'allow_redirects' => false,
            'stream' => $call->isStream(),
            'timeout' => $call->isStream() ? 0 : $timeoutSeconds,
            'read_timeout' => $timeoutSeconds,
        ]);

        if ($call->body !== null) {
            $pending->withBody($call->body, $call->headers['content-type']);
        }

        try {
            $response = $pending->send($call->method, $this->url.$call->target);
        } catch (ConnectionException|TransferException) {
            // Its message may quote the call.
            throw FilaError::lostConnection("The connection to {$this->url} failed.");
        }

        return new Incoming(
            $response->status(),
            array_map(static fn (array $values) => implode(', ', $values), $response->headers()),
            self::parts($response->toPsrResponse()->getBody()),
        );
    }

    /** @return Generator<string> */
    private static function parts(StreamInterface $body): Generator
    {
        try {
            while (! $body->eof()) {
                yield $body->read(self::PART_BYTES);

                if ($body->getMetadata('timed_out') === true) {
                    throw FilaError::lostConnection('The rest of the answer did not come.');
                }
            }
        } catch (RuntimeException $error) {
            throw $error instanceof FilaError ? $error : FilaError::lostConnection('The answer was cut off.');
        } finally {
            $body->close();
        }
    }
}
