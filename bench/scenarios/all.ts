/** Every scenario under its name. */
import { accept } from './accept.ts';
import { baseline } from './baseline.ts';
import { depth } from './depth.ts';
import { drain } from './drain.ts';
import { fairness } from './fairness.ts';
import { latency } from './latency.ts';
import { limits } from './limits.ts';
import { profile } from './profile.ts';
import { relay } from './relay.ts';
import type { Scenario, ScenarioName } from './scenario.ts';
import { slots } from './slots.ts';
import { swaps } from './swaps.ts';

export const RUN: Readonly<Record<ScenarioName, Scenario>> = {
  ...{ baseline, accept, drain, latency, slots, fairness },
  ...{ limits, relay, depth, swaps, profile },
};
