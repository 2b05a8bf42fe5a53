/** Takes one call through the scheduler: runner, slot, work, and everything given back whatever happens. */
import type { Call, CallOutcome } from './call-log.ts';
import { sinceEpochMs } from './call-log.ts';
import type { InstalledModel } from './catalogue.ts';
import { REQUEST_CANCELED, SERVER_BUSY } from './error-texts.ts';
import type { Exchange, Refusal } from './http-answers.ts';
import { sendRefusal } from './http-answers.ts';
import type { RunnerSettings } from './runner-settings.ts';
import type { Runner } from './scheduler.ts';
import type { Simulation } from './simulation.ts';

export interface Finish {
  outcome: CallOutcome;
  status?: number | undefined;
}

export interface ModelRun {
  exchange: Exchange;
  call: Call;
  model: InstalledModel;
  settings: RunnerSettings;
  keepAliveMs: number | undefined;
  /** Answers a call that wants the model loaded and nothing more; then no slot is taken. */
  loadOnly: (() => Finish) | undefined;
  /** Both moments by performance.now(): when the call had a runner, and when it had a slot. */
  work(placedMs: number, slotMs: number): Promise<Finish>;
}

export async function runOnModel(simulation: Simulation, run: ModelRun): Promise<Finish> {
  const { model, exchange } = run;
  if (model.remoteHost !== undefined) return runRemotely(run);
  const goes = simulation.scheduler.arrive(model.name, exchange.signal);
  try {
    return await runOnRunner(simulation, run);
  } finally {
    goes();
  }
}

async function runOnRunner(simulation: Simulation, run: ModelRun): Promise<Finish> {
  const { model, settings, keepAliveMs, exchange } = run;
  const placed = await simulation.scheduler.place({ model, settings, keepAliveMs, signal: exchange.signal });
  if (placed === 'busy') return refuseCall(exchange, SERVER_BUSY);
  // The caller has left, so this status reaches no one; Ollama sends it all the same.
  if (placed === 'cancelled') return { ...refuseCall(exchange, REQUEST_CANCELED), outcome: 'cancelled' };
  const placedMs = performance.now();
  try {
    return run.loadOnly ? run.loadOnly() : await runInSlot(simulation, run, placed, placedMs);
  } finally {
    simulation.scheduler.leave(placed);
  }
}

export function refuseCall(exchange: Exchange, refusal: Refusal): Finish {
  sendRefusal(exchange.response, refusal);
  return { outcome: 'refused', status: refusal.status };
}

async function runInSlot(
  { settings }: Simulation,
  run: ModelRun,
  { slots }: Runner,
  placedMs: number,
): Promise<Finish> {
  if (!(await slots.take(run.exchange.signal))) return { outcome: 'cancelled' };
  const { record } = run.call;
  const slotMs = performance.now();
  record.concurrency = slots.running;
  record.slotTakenAtMs = sinceEpochMs(slotMs);
  const give = () => {
    record.slotGivenAtMs = sinceEpochMs(performance.now());
    slots.give();
  };
  let keepsSlotMs = 0;
  try {
    const finish = await run.work(placedMs, slotMs);
    if (finish.outcome === 'cancelled') keepsSlotMs = settings.cancelKeepsSlotMs;
    return finish;
  } finally {
    if (keepsSlotMs > 0) setTimeout(give, keepsSlotMs).unref();
    else give();
  }
}

/** Another server does the work, so nothing here is loaded, and nobody waits. */
async function runRemotely(run: ModelRun): Promise<Finish> {
  const now = performance.now();
  return run.loadOnly ? run.loadOnly() : run.work(now, now);
}
