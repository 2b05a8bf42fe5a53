/** openapi.json is what the routes are, and an independent linter finds nothing wrong with it. */
import { readFile } from 'node:fs/promises';
import { createConfig, lint } from '@redocly/openapi-core';
import { expect, it } from 'vitest';
import { openApiDocument } from '../../packages/broker/src/http/open-api.ts';

const FILE = 'packages/php-bridge-spec/openapi.json';

it('openapi.json is what the routes say now (npm run generate writes it)', async () => {
  expect(JSON.parse(await readFile(FILE, 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(await openApiDocument())),
  );
});

it('a linter of its own (the recommended rules of Redocly) finds neither errors nor warnings', async () => {
  const problems = await lint({ ref: FILE, config: await createConfig({ extends: ['recommended'] }) });
  expect(
    problems
      .filter((one) => !isDeliveryOrVerb(one))
      .map((one) => `${one.severity} ${one.ruleId}: ${one.message} at ${one.location[0]?.pointer}`),
  ).toEqual([]);
});

/** To the linter, /webhooks/deliveries/rotate could be either; but no id of a webhook (whk_…) is "deliveries". */
function isDeliveryOrVerb({ ruleId, message }: { ruleId: string; message: string }): boolean {
  return ruleId === 'no-ambiguous-paths' && message.includes('/api/v1/webhooks/deliveries/{id}');
}

it('the linter would say so if something were wrong', async () => {
  const document = (await openApiDocument()) as { paths: Record<string, object> };
  document.paths['/broken'] = { get: { responses: {} } };
  const { makeDocumentFromString, lintDocument, BaseResolver } = await import('@redocly/openapi-core');
  const source = makeDocumentFromString(JSON.stringify(document), 'broken.json');
  const config = await createConfig({ extends: ['recommended'] });
  expect(
    await lintDocument({ document: source, config, externalRefResolver: new BaseResolver() }),
  ).not.toEqual([]);
});
