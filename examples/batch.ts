/** Uploads some prompts at once, waits for all, and prints the answers. Run it beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/batch.ts */
import { Fila, isFilaError, type BatchLine } from '@fila/sdk';

const fila = new Fila();
const lines: BatchLine[] = ['red', 'green', 'blue'].map((colour) => ({
  custom_id: colour,
  request: { prompt: `Name a fruit that is ${colour}.` },
}));

try {
  const { id } = await fila.batches.create(lines);
  await fila.batches.wait(id, {
    onChange: ({ progress }) => console.error(`${Math.round(progress * 100)} %`),
  });
  for await (const { custom_id, result } of fila.batches.results(id))
    console.log(`${custom_id}: ${result?.text}`);
  for await (const { custom_id, status, error } of fila.batches.errors(id))
    console.log(`${custom_id}: ${status} ${error?.message ?? ''}`);
} catch (error) {
  if (!isFilaError(error)) throw error;
  console.error(`${error.code}: ${error.detail}`);
  for (const { line, pointer, detail } of error.errors ?? [])
    console.error(`line ${line} ${pointer}: ${detail}`);
  process.exitCode = 1;
}
