<?php
/** Puts an answer together from the connections of a stream: each goes on after the last event of the one before. */
declare(strict_types=1);

namespace Fila;

final class Listener
{
    private const TOLD = ['state', 'token', 'restart', 'done'];

    public string $text = '';
    public string $thinking = '';
    /** For the header Last-Event-ID of the next connection; empty for the first. */
    public string $lastEventId = '';
    /** @var array<string, mixed>|null the request as it ended */
    public ?array $request = null;

    /**
     * One connection, part by part: its events as they come; at its end true when there is nothing left to hear.
     *
     * @param iterable<string> $parts
     * @return \Generator<int, array<string, mixed>, void, bool> `type`, and the event's data; of done: `request`
     */
    public function hear(iterable $parts): \Generator
    {
        $events = new Sse();
        foreach ($parts as $part) {
            foreach ($events->take($part) as $event) {
                $isOver = $this->take($event);
                if (in_array($event['event'], self::TOLD, true)) {
                    yield self::told($event);
                }
                if ($isOver) {
                    return $this->request !== null;
                }
            }
        }
        return false;
    }

    /** @param array{event: string, data: string, id: string} $event */
    private function take(array $event): bool
    {
        $data = json_decode($event['data'], true) ?? [];
        if ($event['event'] === 'error') {
            return $this->failed($data);
        }
        if ($event['id'] !== '') {
            $this->lastEventId = $event['id'];
        }
        if ($event['event'] === 'token') {
            $this->text .= $data['text'] ?? '';
            $this->thinking .= $data['thinking'] ?? '';
        }
        if ($event['event'] === 'restart') {
            [$this->text, $this->thinking] = ['', ''];
        }
        if ($event['event'] === 'done') {
            $this->request = $data;
        }
        return $this->request !== null;
    }

    /** True: the connection is over, and another may bring more. */
    private function failed(array $problem): bool
    {
        if (($problem['retryable'] ?? false) !== true) {
            throw new FilaError($problem['code'], $problem['title'] ?? 'The stream ended.', false, $problem['status'] ?? null);
        }
        return true;
    }

    /** @return array<string, mixed> */
    private static function told(array $event): array
    {
        $data = json_decode($event['data'], true) ?? [];
        return ['type' => $event['event']] + ($event['event'] === 'done' ? ['request' => $data] : $data);
    }
}
