/** The npm client of OpenAI, through the broker: only the address and the key differ. Run it beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/openai-client.ts */
import OpenAI from 'openai';

const url = process.env['FILA_URL'] ?? 'http://127.0.0.1:7433';
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: process.env['FILA_API_KEY'] });

const [question = 'Why is the sky blue?', model = 'llama3:8b', embedder = 'nomic-embed-text'] =
  process.argv.slice(2);

const messages = [{ role: 'user' as const, content: question }];
const parts = await openai.chat.completions.create({ model, messages, stream: true });
for await (const { choices } of parts) process.stdout.write(choices[0]?.delta.content ?? '');

const { data } = await openai.embeddings.create({ model: embedder, input: question });
console.log(`\n\nThe question as a vector: ${data[0]?.embedding.slice(0, 3).join(', ')} …`);
