<?php
/** Puts an answer together from the connections of a stream: each goes on after the last event of the one before. */
declare(strict_types=1);

namespace Fila;

final class Listener
{
    public string $text = '';
    public string $thinking = '';
    /** For the header Last-Event-ID of the next connection; empty for the first. */
    public string $lastEventId = '';
    /** @var array<string, mixed>|null the request as it ended */
    public ?array $request = null;

    /**
     * One connection, part by part; true when there is nothing left to hear.
     *
     * @param iterable<string> $parts
     */
    public function hear(iterable $parts): bool
    {
        $events = new Sse();
        foreach ($parts as $part) {
            foreach ($events->take($part) as $event) {
                if ($this->take($event)) {
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
}
