<?php
/** The transport over PHP's own HTTP streams: needs no extension and no library. */
declare(strict_types=1);

namespace Fila;

final class PlainTransport implements Transport
{
    private const PART_BYTES = 8_192;

    public function __construct(private readonly string $url)
    {
    }

    public function open(Call $call, float $timeoutSeconds): Incoming
    {
        $lines = array_map(static fn ($name, $value) => "$name: $value", array_keys($call->headers), $call->headers);
        $options = [
            'method' => $call->method,
            'header' => [...$lines, 'connection: close'],
            'content' => $call->body ?? '',
            'protocol_version' => 1.1,
            'timeout' => $timeoutSeconds,
            'ignore_errors' => true,
            // A redirect would turn a POST into a GET, or carry a prompt to a host that nobody named.
            'follow_location' => 0,
        ];
        $body = @fopen($this->url . $call->target, 'r', false, stream_context_create(['http' => $options]));
        if ($body === false) {
            throw FilaError::lostConnection("The connection to {$this->url} failed.");
        }
        $lines = stream_get_meta_data($body)['wrapper_data'];
        $headers = [];
        foreach (array_slice($lines, 1) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[$name] = trim($value);
        }
        return new Incoming((int) explode(' ', $lines[0])[1], $headers, self::parts($body));
    }

    /**
     * @param resource $body
     * @return \Generator<string>
     */
    private static function parts($body): \Generator
    {
        try {
            while (!feof($body)) {
                $part = fread($body, self::PART_BYTES);
                if ($part === false || stream_get_meta_data($body)['timed_out']) {
                    throw FilaError::lostConnection('The rest of the answer did not come.');
                }
                yield $part;
            }
        } finally {
            fclose($body);
        }
    }
}
