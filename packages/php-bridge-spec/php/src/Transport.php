<?php
/** Carries one attempt of a call to the broker; what it brings back is judged elsewhere. */
declare(strict_types=1);

namespace Fila;

interface Transport
{
    /**
     * Follows no redirect, and gives up after so many seconds: of a call as a whole, of a stream's silence. Throws
     * `FilaError::lostConnection()`, also from the parts of the body.
     */
    public function open(Call $call, float $timeoutSeconds): Incoming;
}
