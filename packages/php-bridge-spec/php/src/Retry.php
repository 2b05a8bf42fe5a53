<?php
/** Decides whether a failed call is made again, and after how long; does nothing itself. */
declare(strict_types=1);

namespace Fila;

final class Retry
{
    private const FIRST_DELAY_MS = 500;
    private const MAX_DELAY_MS = 8_000;
    private const MAX_RETRY_AFTER_MS = 60_000;

    /** Milliseconds until the next attempt, or null when there is none. `$chance` is in [0, 1). */
    public static function delayMs(FilaError $error, int $retriesDone, int $maxRetries, float $chance): ?int
    {
        if (!$error->retryable || $retriesDone >= $maxRetries) {
            return null;
        }
        $asked = $error->retryAfterMs;
        if ($error->status === 429 && $asked !== null && $asked > self::MAX_RETRY_AFTER_MS) {
            return null;
        }
        if ($asked !== null && $asked > 0 && $asked <= self::MAX_RETRY_AFTER_MS) {
            return $asked;
        }
        return (int) floor($chance * min(self::MAX_DELAY_MS, self::FIRST_DELAY_MS * 2 ** $retriesDone));
    }

    /** Of a Retry-After header, seconds or an HTTP date; null when it is neither. */
    public static function afterMs(?string $header, int $nowSeconds): ?int
    {
        $text = trim($header ?? '');
        if (preg_match('/^\d+(\.\d+)?$/D', $text) === 1) {
            return (int) ceil((float) $text * 1000);
        }
        if (!str_ends_with($text, 'GMT')) {
            return null;
        }
        $at = strtotime($text);
        return $at === false ? null : max(0, $at - $nowSeconds) * 1000;
    }
}
