/** The npm client of Ollama, through the broker: only the address and the key differ. Run it beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/ollama-client.ts */
import { Ollama } from 'ollama';

const host = process.env['FILA_URL'] ?? 'http://127.0.0.1:7433';
const headers = { Authorization: `Bearer ${process.env['FILA_API_KEY']}` };
const ollama = new Ollama({ host, headers });

const [question = 'Why is the sky blue?', model = 'llama3:8b', embedder = 'nomic-embed-text'] =
  process.argv.slice(2);

const parts = await ollama.chat({ model, messages: [{ role: 'user', content: question }], stream: true });
for await (const { message } of parts) process.stdout.write(message.content);

const { embeddings } = await ollama.embed({ model: embedder, input: question });
console.log(`\n\nThe question as a vector: ${embeddings[0]?.slice(0, 3).join(', ')} …`);
