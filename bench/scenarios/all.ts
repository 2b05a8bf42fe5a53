/** Every scenario under its name. */
import { accept } from './accept.ts';
import { baseline } from './baseline.ts';
import { drain } from './drain.ts';
import { latency } from './latency.ts';
import type { Scenario, ScenarioName } from './scenario.ts';

export const RUN: Partial<Readonly<Record<ScenarioName, Scenario>>> = { baseline, accept, drain, latency };
