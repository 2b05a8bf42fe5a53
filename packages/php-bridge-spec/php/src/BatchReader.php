<?php
/** Puts the lines of a batch together from connections: each goes on after the last line of the one before. */
declare(strict_types=1);

namespace Fila;

final class BatchReader
{
    /** The request of the last line that was read, for the next connection; empty for the first. */
    public string $after;

    public function __construct(string $after = '')
    {
        $this->after = $after;
    }

    /**
     * One connection, part by part: its lines as they come. True at its end when all has been read: it had none.
     *
     * @param iterable<string> $parts
     * @return \Generator<int, array<string, mixed>, void, bool>
     */
    public function read(iterable $parts): \Generator
    {
        $rest = '';
        $isOver = true;
        foreach ($parts as $part) {
            $lines = explode("\n", $rest . $part);
            $rest = array_pop($lines);
            foreach ($lines as $line) {
                $result = json_decode($line, true);
                if (!is_array($result)) {
                    throw new FilaError('invalid_answer', 'A line is not JSON.', false);
                }
                $this->after = $result['request_id'];
                $isOver = false;
                yield $result;
            }
        }
        if ($rest !== '') {
            throw FilaError::lostConnection('The answer ended within a line.');
        }
        return $isOver;
    }
}
