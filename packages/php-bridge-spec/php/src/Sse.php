<?php
/** Reads server-sent events from bytes that may be cut anywhere. */
declare(strict_types=1);

namespace Fila;

final class Sse
{
    private string $rest = '';
    private string $event = '';
    private string $id = '';
    /** @var list<string> */
    private array $data = [];

    /**
     * The events that these bytes complete; what is not complete at the end of a connection is dropped.
     *
     * @return list<array{event: string, data: string, id: string}>
     */
    public function take(string $bytes): array
    {
        $this->rest .= $bytes;
        $done = [];
        // A CR at the very end may be the first half of a CRLF.
        while (preg_match('/\r\n|\n|\r(?!\z)/', $this->rest, $found, PREG_OFFSET_CAPTURE) === 1) {
            [$end, $at] = $found[0];
            $this->line(substr($this->rest, 0, $at), $done);
            $this->rest = substr($this->rest, $at + strlen($end));
        }
        return $done;
    }

    /** @param list<array{event: string, data: string, id: string}> $done */
    private function line(string $line, array &$done): void
    {
        if ($line === '') {
            if ($this->data !== []) {
                $done[] = ['event' => $this->event, 'data' => implode("\n", $this->data), 'id' => $this->id];
            }
            [$this->event, $this->data] = ['', []];
            return;
        }
        [$field, $value] = explode(':', $line, 2) + [1 => ''];
        $value = preg_replace('/^ /', '', $value);
        match ($field) {
            'event' => $this->event = $value,
            'data' => $this->data[] = $value,
            'id' => $this->id = $value,
            default => null,
        };
    }
}
