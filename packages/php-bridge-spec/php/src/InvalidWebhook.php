<?php
/** What arrived is not a webhook of Fila for one of these secrets: answer 400, and use nothing of it. */
declare(strict_types=1);

namespace Fila;

final class InvalidWebhook extends \RuntimeException
{
    /** @param 'headers'|'timestamp'|'signature'|'body' $reason */
    public function __construct(public readonly string $reason)
    {
        parent::__construct("The webhook is not valid: $reason.");
    }
}
