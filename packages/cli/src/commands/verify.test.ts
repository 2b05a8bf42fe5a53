import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../testing/run-cli.ts';
import { startScriptedBroker, type ScriptedBroker } from '../testing/scripted-broker.ts';

const UNTOLD = {
  ...{ rule: 'ended-request-is-told', about: 'ends of requests that a receiver has no delivery of' },
  ...{ count: 3, sample: ['req_a/callback', 'req_b/whk_a', 'req_b/whk_b'], can_fix: true, fixed: 0 },
};
const UNREADABLE = {
  ...{ rule: 'content-opens', about: 'requests whose content was changed', count: 1 },
  ...{ sample: ['req_c/result'], can_fix: false, fixed: 0 },
};

let broker: ScriptedBroker | undefined;
afterEach(() => broker?.stop());

async function verify(words: readonly string[], problems: object[], setup: CliSetup = {}) {
  const status = problems.length > 0 ? 'inconsistent' : 'consistent';
  broker = await startScriptedBroker(() => ({ body: { status, problems, lanes_reactivated: 0 } }));
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'token' };
  const run = await runCli(['verify', ...words], { ...setup, env });
  return { ...run, calls: broker.calls.map(({ route }) => route) };
}

describe('verify', () => {
  it('says that everything fits together', async () => {
    const { code, stdout, stderr, calls } = await verify([], []);
    expect({ code, stdout, calls }).toEqual({ code: 0, stdout: '', calls: ['GET /api/v1/admin/verify'] });
    expect(stderr).toContain('Everything fits together');
  });

  it('on a terminal names the first of each rule and how many more there are', async () => {
    const { code, stdout, stderr } = await verify([], [UNTOLD, UNREADABLE], { columns: 160 });
    const [header, untold, unreadable] = stdout.split('\n');
    expect(code).toBe(8);
    expect(header).toMatch(/^RULE +COUNT +FIXED +WHAT +FIRST$/);
    expect(untold).toMatch(/^ended-request-is-told +3 +0 +ends of requests .* req_a\/callback \+2$/);
    expect(unreadable).toMatch(/^content-opens +1 +by hand +.* req_c\/result$/);
    expect(stderr).toContain('fila verify --fix');
  });

  it('in a pipe names all that are known; with --fix it says what needs a person', async () => {
    const { code, stdout, stderr, calls } = await verify(['--fix'], [{ ...UNTOLD, fixed: 3 }, UNREADABLE]);
    expect({ code, calls }).toEqual({ code: 8, calls: ['POST /api/v1/admin/verify/fix'] });
    expect(stdout).toContain('\treq_a/callback req_b/whk_a req_b/whk_b\n');
    expect(stderr).toContain('needs a person');
  });
});
