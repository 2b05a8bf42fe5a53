<?php
/** An answer whose body is still on its way. */
declare(strict_types=1);

namespace Fila;

final class Incoming
{
    /**
     * @param array<string, string> $headers
     * @param iterable<string> $parts of the body, as they come
     */
    public function __construct(
        public readonly int $status,
        private readonly array $headers,
        public readonly iterable $parts,
    ) {
    }

    public function whole(): Answer
    {
        $body = '';
        foreach ($this->parts as $part) {
            $body .= $part;
        }
        $answer = new Answer($this->status, $this->headers, $body);
        $length = $answer->headers['content-length'] ?? null;
        // PHP takes a cut connection for the end of the body.
        if ($length !== null && strlen($body) < (int) $length) {
            throw FilaError::lostConnection('The answer was cut off.');
        }
        return $answer;
    }
}
