/** Prints an answer while it is given, through cut connections. Beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/stream.ts */
import { Fila } from '@fila/sdk';

const fila = new Fila();

for await (const event of fila.stream({ prompt: process.argv[2] ?? 'Tell me a story.' })) {
  switch (event.type) {
    case 'token':
      process.stdout.write(event.text ?? '');
      break;
    case 'restart':
      console.log('\n(that attempt failed: the answer begins anew)');
      break;
    case 'done':
      console.log(`\n${event.request.status}, ${event.request.usage?.completion_tokens ?? 0} tokens`);
  }
}
