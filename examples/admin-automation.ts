/** Gives a client a key, limits it, sees the limit work, and revokes it. Beside `npm start`:  FILA_TOKEN=… npx node examples/admin-automation.ts */
import { Fila, NotAllowed, RateLimited } from '@fila/sdk';

// The admin token is in the data folder of the daemon; a pipeline has one of its own: fila service-tokens create.
const admin = new Fila();

const { id, key } = await admin.keys.create({ name: process.argv[2] ?? 'shop', limit_minute: 60 });
console.log(`created ${id}`);

const { limit_minute, max_concurrent } = await admin.keys.update(id, { limit_minute: 1, max_concurrent: 2 });
console.log(`limited to ${limit_minute} a minute, ${max_concurrent} at once`);

const shop = new Fila({ apiKey: key, maxRetries: 0 });
const { result } = await shop.requests.createAndWait({ prompt: 'Say hello.' });
console.log(result?.text);
try {
  await shop.requests.create({ prompt: 'And again.' });
} catch (error) {
  if (!(error instanceof RateLimited)) throw error;
  console.log(`${error.code}, come back in ${Math.ceil((error.retryAfterMs ?? 0) / 1000)} s`);
}

await admin.keys.revoke(id);
try {
  await shop.authenticate();
} catch (error) {
  if (!(error instanceof NotAllowed)) throw error;
  console.log(`revoked: ${error.code}`);
}
