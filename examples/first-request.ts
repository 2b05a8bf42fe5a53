/** Sends a prompt and prints the answer. Run it beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/first-request.ts */
import { Fila, isFilaError } from '@fila/sdk';

const fila = new Fila();

try {
  const request = await fila.requests.createAndWait({ prompt: process.argv[2] ?? 'Why is the sky blue?' });
  console.log(request.result?.text ?? `${request.status}: ${request.error?.message}`);
} catch (error) {
  if (!isFilaError(error)) throw error;
  console.error(`${error.code}: ${error.detail} (request ${error.requestId ?? 'never arrived'})`);
  process.exitCode = 1;
}
