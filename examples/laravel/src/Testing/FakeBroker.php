<?php

/** Stands in for the broker while an application is tested: takes requests, and has their answers at once. */

declare(strict_types=1);

namespace Fila\Laravel\Testing;

use Closure;
use Fila\Call;
use Fila\Incoming;
use Fila\Transport;
use PHPUnit\Framework\Assert;

final class FakeBroker implements Transport
{
    /** @var array<string, array<string, mixed>> what was sent, by idempotency key */
    private array $submitted = [];

    /** @var array<string, array<string, mixed>> what GET shows, by id */
    private array $requests = [];

    /** @var array<string, list<array<string, mixed>>> the lines of results, by id */
    private array $batches = [];

    /** @param  string|Closure(array<string, mixed>): string  $answer */
    public function __construct(private readonly string|Closure $answer)
    {
    }

    public function open(Call $call, float $timeoutSeconds): Incoming
    {
        [$path, $query] = explode('?', $call->target, 2) + [1 => ''];
        [$kind, $id, $verb] = array_slice(explode('/', $path), 3) + ['', '', ''];
        parse_str($query, $given);

        return match (true) {
            $kind === 'batches' && $call->method === 'POST' && $id === '' => $this->upload($call),
            $kind === 'batches' => $this->batch($id, $verb, $given['after'] ?? null),
            $call->method === 'POST' && $id === '' => $this->submit($call),
            $id === '' => self::json(200, ['items' => array_reverse(array_values($this->requests))]),
            ! isset($this->requests[$id]) => self::json(404, ['code' => 'not_found', 'title' => 'There is no such request.']),
            $verb === 'stream' => $this->stream($id),
            default => self::json(200, $this->requests[$id]),
        };
    }

    /** @param  (Closure(array<string, mixed>): bool)|null  $isMeant */
    public function assertSubmitted(?Closure $isMeant = null): void
    {
        $meant = array_filter($this->submitted, $isMeant ?? static fn (): bool => true);
        Assert::assertNotEmpty($meant, 'No such request was submitted to Fila.');
    }

    public function assertSubmittedCount(int $count): void
    {
        Assert::assertCount($count, $this->submitted, 'Another number of requests was submitted to Fila.');
    }

    private function submit(Call $call): Incoming
    {
        $request = $this->answered($call->headers['idempotency-key'], json_decode((string) $call->body, true));

        return self::json(202, ['status' => 'pending', 'result' => null] + $request);
    }

    /** Each line is a request like others, and counts as one that was submitted. */
    private function upload(Call $call): Incoming
    {
        $key = $call->headers['idempotency-key'];
        $id = 'bat_'.substr(md5($key), 0, 26);
        $this->batches[$id] = array_map(function (string $line) use ($key): array {
            ['custom_id' => $name, 'request' => $request] = json_decode($line, true);
            $made = $this->answered("$key $name", $request);

            return ['custom_id' => $name, 'request_id' => $made['id'], 'usage' => null] + $made;
        }, explode("\n", trim((string) $call->body)));

        return $this->batch($id, '', null);
    }

    /** Nothing in it fails. */
    private function batch(string $id, string $verb, ?string $after): Incoming
    {
        $lines = $this->batches[$id] ?? null;

        if ($lines === null) {
            return self::json(404, ['code' => 'not_found', 'title' => 'There is no such batch.']);
        }

        $read = $after === null ? 0 : array_search($after, array_column($lines, 'request_id'), true) + 1;

        return match ($verb) {
            'results' => new Incoming(200, [], array_map(
                static fn (array $line): string => json_encode($line, JSON_THROW_ON_ERROR)."\n",
                array_slice($lines, $read),
            )),
            'errors' => new Incoming(200, [], []),
            default => self::json(200, [
                'id' => $id, 'status' => 'completed', 'total' => count($lines), 'progress' => 1,
            ]),
        };
    }

    /**
     * The same key is the same request.
     *
     * @param  array<string, mixed>  $request
     * @return array<string, mixed>
     */
    private function answered(string $key, array $request): array
    {
        $id = 'req_'.substr(md5($key), 0, 26);

        if (! isset($this->submitted[$key])) {
            $text = $this->answer instanceof Closure ? ($this->answer)($request) : $this->answer;
            $this->submitted[$key] = $request;
            $this->requests[$id] = [
                'id' => $id,
                'status' => 'completed',
                'model' => $request['model'] ?? 'fake',
                'result' => ['text' => $text, 'finish_reason' => 'stop'],
                'error' => null,
                'metadata' => $request['metadata'] ?? null,
            ];
        }

        return $this->requests[$id];
    }

    private function stream(string $id): Incoming
    {
        $request = $this->requests[$id];
        $event = static fn (string $type, array $data): string => "event: $type\nid: $type\ndata: ".json_encode($data)."\n\n";

        return new Incoming(200, [], [
            $event('token', ['text' => $request['result']['text']]),
            $event('done', $request),
        ]);
    }

    /** @param  array<string, mixed>  $data */
    private static function json(int $status, array $data): Incoming
    {
        return new Incoming($status, [], [json_encode($data, JSON_THROW_ON_ERROR)]);
    }
}
