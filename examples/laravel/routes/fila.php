<?php

/** The one route: outside of the group "web", so without sessions and CSRF tokens. */

use Fila\Laravel\Http\HandleOnce;
use Fila\Laravel\Http\VerifySignature;
use Fila\Laravel\Http\WebhookController;
use Illuminate\Support\Facades\Route;

Route::post(config('fila.webhook.path'), WebhookController::class)
    ->middleware([VerifySignature::class, HandleOnce::class])
    ->name('fila.webhook');
