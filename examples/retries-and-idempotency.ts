/** Sends an order's prompt twice and has it once, whatever the network does. Beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/retries-and-idempotency.ts */
import { Fila, isFilaError } from '@fila/sdk';

const fila = new Fila({
  // Lost connections, 408, 429 and 5xx are tried again, after the time that Retry-After asks for or a growing one.
  maxRetries: 5,
  onAttempt: ({ method, attempt, status, error }) =>
    console.log(`${method}, attempt ${attempt}: ${status ?? error}`),
});

// Without a key of your own each call has a new one, the same in all its attempts.
const idempotencyKey = `order-42-${Date.now()}`;
const prompt = process.argv[2] ?? 'Thank the customer of order 42.';

const first = await fila.requests.create({ prompt }, { idempotencyKey });
// As a program does that crashed after it had sent, and starts again: the same request, not a second one.
const second = await fila.requests.create({ prompt }, { idempotencyKey });
console.log(first.id === second.id ? 'one request' : 'two requests');

try {
  await fila.requests.create({ prompt: 'Something else.' }, { idempotencyKey });
} catch (error) {
  // Trying this again would not help, so it is not done.
  if (!isFilaError(error)) throw error;
  console.log(`${error.code} (call ${error.requestId})`);
}

const { result } = await fila.requests.wait(first.id);
console.log(result?.text);
