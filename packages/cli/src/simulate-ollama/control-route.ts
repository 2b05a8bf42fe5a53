/**
 * /_simulate: the simulation's controls for whoever is not in its process.
 *
 * GET  /_simulate          the state; `?calls=20` limits the calls shown (100 unless given), `?prompts=0` hides promptCalls
 * POST /_simulate          a patch, `{"slots": 2, "faults": {"next": [{"fault": "error_500", "times": 3}]}}`; answers
 *                          the state without calls and prompts
 * POST /_simulate/reset    back to how it started: settings, models, faults; nothing loaded, nothing remembered
 *
 * A patch has the fields of `SimulationPatch`; one that is not right changes nothing and is told where it is wrong:
 * status 400, `{"error": "control.slots must be a whole number from 1 to 1000000"}`.
 */
import type { Exchange } from './http-answers.ts';
import { refuse, sendJson, sendRefusal } from './http-answers.ts';
import type { SimulationPatch } from './settings.ts';
import { problemOfPatch } from './settings.ts';
import type { SimulationState } from './simulation-state.ts';

export interface Controls {
  control(patch: SimulationPatch): void;
  state(shown?: { calls?: number; prompts?: boolean }): SimulationState;
  reset(): void;
}

const SHOWN_CALLS = 100;

export function isControlPath(path: string): boolean {
  return path === '/_simulate' || path.startsWith('/_simulate/');
}

export function answerControl(controls: Controls, { request, response, route, body }: Exchange): void {
  const target = `${request.method} ${route}`;
  if (target === 'GET /_simulate') return sendJson(response, 200, shownState(controls, request.url ?? ''));
  if (target === 'POST /_simulate/reset') {
    controls.reset();
    return sendJson(response, 200, controls.state({ calls: 0, prompts: false }));
  }
  if (target !== 'POST /_simulate')
    return sendRefusal(
      response,
      refuse(404, 'there are GET /_simulate, POST /_simulate and POST /_simulate/reset'),
    );
  const patch = parse(body);
  const problem = patch === undefined ? ': the body is not JSON' : problemOfPatch(patch);
  if (problem) return sendRefusal(response, refuse(400, describeProblem(problem)));
  controls.control(patch as SimulationPatch);
  sendJson(response, 200, controls.state({ calls: 0, prompts: false }));
}

export function describeProblem(problem: string): string {
  return /^[.:]/.test(problem) ? `control${problem}` : `control ${problem}`;
}

function shownState(controls: Controls, url: string): SimulationState {
  const query = new URL(url, 'http://simulation').searchParams;
  const calls = Number(query.get('calls') ?? SHOWN_CALLS);
  return controls.state({
    calls: Number.isInteger(calls) && calls >= 0 ? calls : SHOWN_CALLS,
    prompts: query.get('prompts') !== '0',
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
