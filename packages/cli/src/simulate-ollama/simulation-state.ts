/** What a simulation tells of itself. */
import type { CallCounters, CallRecord, PromptCount } from './call-log.ts';
import type { FaultPatch } from './faults.ts';
import type { ModelActivity } from './scheduler.ts';
import type { Settings } from './settings.ts';
import type { Simulation } from './simulation.ts';

/** Numbers of one model; the counts and peaks live on when it is unloaded. */
export interface ModelState extends ModelActivity {
  isLoaded: boolean;
  /** Slots taken now. */
  running: number;
  /** Callers who wait for a slot now. */
  waiting: number;
}

export interface SimulationState {
  counters: CallCounters & {
    /** Every HTTP request but those to /_simulate. */
    requests: number;
    /** Calls to pull, push, create, copy, delete and blobs. */
    managementCalls: number;
  };
  /** The last calls, the oldest first. */
  calls: CallRecord[];
  /** By `promptHash(promptOrMessages)`; inputs of embeddings count one by one. */
  promptCalls: Record<string, PromptCount>;
  models: Record<string, ModelState>;
  /** Calls that wait for a model that is not loaded. */
  pending: number;
  /** The model that is being loaded. */
  loading: string | null;
  settings: Settings;
  faults: Required<FaultPatch>;
}

export interface HttpCounters {
  requests: number;
  managementCalls: number;
}

export function stateOf(
  simulation: Simulation,
  http: HttpCounters,
  shown: { calls?: number; prompts?: boolean } = {},
): SimulationState {
  const { calls, scheduler, settings, faults } = simulation;
  return {
    counters: { ...calls.counters(), ...http },
    calls: calls.recent(shown.calls),
    promptCalls: shown.prompts === false ? {} : calls.promptCalls(),
    models: modelStates(simulation),
    pending: scheduler.pending(),
    loading: scheduler.loading() ?? null,
    settings: { ...settings },
    faults: faults.view(),
  };
}

function modelStates({ scheduler }: Simulation): Record<string, ModelState> {
  const loaded = new Map(scheduler.loaded().map((runner) => [runner.model.name, runner]));
  return Object.fromEntries(
    Object.entries(scheduler.activity()).map(([name, activity]) => {
      const slots = loaded.get(name)?.slots;
      const now = {
        isLoaded: slots !== undefined,
        running: slots?.running ?? 0,
        waiting: slots?.waiting ?? 0,
      };
      return [name, { ...activity, ...now }];
    }),
  );
}
