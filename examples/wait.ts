/** Sends a prompt, lets go of it, and waits for its answer by its id. Beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/wait.ts */
import { Fila, TimedOut } from '@fila/sdk';

const fila = new Fila();

// Once this has resolved, the request is stored; another process may wait for it, tomorrow perhaps.
const { id, status } = await fila.requests.create({
  prompt: process.argv[2] ?? 'Write a haiku about queues.',
  metadata: { order: 42 },
  deadline: new Date(Date.now() + 3_600_000).toISOString(),
});
console.log(`${id} is ${status}`);

try {
  const request = await fila.requests.wait(id, { timeoutMs: 60_000 });
  console.log(`${id} is ${request.status}, of order ${request.metadata?.['order']}`);
  console.log(request.result?.text ?? request.error?.message);
} catch (error) {
  if (!(error instanceof TimedOut)) throw error;
  console.error(`${id} goes on; wait for it again, or have it cancelled: fila requests cancel ${id}`);
  process.exitCode = 1;
}
