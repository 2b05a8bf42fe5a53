<?php
/** Checks what a webhook brought, by Standard Webhooks. */
declare(strict_types=1);

namespace Fila;

final class Webhook
{
    private const TOLERANCE_S = 300;

    /**
     * The raw body, byte for byte as it came; throws InvalidWebhook.
     *
     * @param array<string, string|list<string>> $headers names in any case
     * @param list<string> $secrets
     */
    public static function verify(string $body, array $headers, array $secrets, ?int $now = null): void
    {
        $headers = array_change_key_case($headers, CASE_LOWER);
        [$id, $timestamp, $signatures] = array_map(
            static fn (string $name) => self::header($headers, "webhook-$name"),
            ['id', 'timestamp', 'signature'],
        );
        // is_numeric and intval would take "1e9" and "123abc" for numbers.
        if (preg_match('/^\d{1,12}$/D', $timestamp) !== 1) {
            throw new InvalidWebhook('timestamp');
        }
        if (abs(($now ?? time()) - (int) $timestamp) > self::TOLERANCE_S) {
            throw new InvalidWebhook('timestamp');
        }
        $given = self::given($signatures);
        foreach ($secrets as $secret) {
            $expected = hash_hmac('sha256', "$id.$timestamp.$body", self::key($secret), true);
            foreach ($given as $one) {
                if (hash_equals($expected, $one)) {
                    return;
                }
            }
        }
        throw new InvalidWebhook('signature');
    }

    /**
     * Verified, then parsed.
     *
     * @param array<string, string|list<string>> $headers
     * @param list<string> $secrets
     * @return array<string, mixed>
     */
    public static function unwrap(string $body, array $headers, array $secrets, ?int $now = null): array
    {
        self::verify($body, $headers, $secrets, $now);
        $event = json_decode($body, true, 64, JSON_BIGINT_AS_STRING);
        return is_array($event) ? $event : throw new InvalidWebhook('body');
    }

    /** @param array<string, string|list<string>> $headers */
    private static function header(array $headers, string $name): string
    {
        $value = $headers[$name] ?? '';
        $text = is_array($value) ? implode(' ', $value) : $value;
        return $text === '' ? throw new InvalidWebhook('headers') : $text;
    }

    /** @return list<string> entries of versions that are not known are passed over */
    private static function given(string $header): array
    {
        $given = [];
        foreach (explode(' ', $header) as $entry) {
            [$version, $text] = explode(',', $entry, 2) + [1 => ''];
            $bytes = $version === 'v1' ? base64_decode($text, true) : false;
            if ($bytes !== false) {
                $given[] = $bytes;
            }
        }
        return $given;
    }

    private static function key(#[\SensitiveParameter] string $secret): string
    {
        $text = str_starts_with($secret, 'whsec_') ? substr($secret, 6) : $secret;
        $key = base64_decode($text, true);
        if ($key === false || $key === '') {
            throw new \InvalidArgumentException('A webhook secret begins with whsec_, then base64; this is none.');
        }
        return $key;
    }
}
