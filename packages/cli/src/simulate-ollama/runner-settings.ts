/** What a model is loaded with, and whether a call's wishes mean loading it again. */

export interface RunnerSettings {
  /** What it was asked for, never more than the model was trained for. */
  numCtx: number;
  shift: boolean;
  mainGpu: number;
  numThread: number;
  draftNumPredict: number;
  /** Below 0: the server decides. */
  numGpu: number;
  /** Undefined: the server decides. */
  numBatch: number | undefined;
  useMmap: boolean | undefined;
}

/** Below 24 GiB of video memory Ollama gives this much context to whoever does not ask. */
export const DEFAULT_NUM_CTX = 4_096;
const LEAST_NUM_CTX = 4;

export function runnerSettings(
  options: Record<string, unknown>,
  shift: boolean | undefined,
  trainedFor: number,
): RunnerSettings {
  const whole = (name: string) => (typeof options[name] === 'number' ? Math.trunc(options[name]) : undefined);
  return {
    numCtx: Math.min(Math.max(whole('num_ctx') ?? DEFAULT_NUM_CTX, LEAST_NUM_CTX), trainedFor),
    shift: shift ?? true,
    mainGpu: whole('main_gpu') ?? 0,
    numThread: whole('num_thread') ?? 0,
    draftNumPredict: whole('draft_num_predict') ?? 4,
    numGpu: whole('num_gpu') ?? -1,
    numBatch: whole('num_batch'),
    useMmap: typeof options.use_mmap === 'boolean' ? options.use_mmap : undefined,
  };
}

/** Values left to the server stay as they were loaded; every other difference reloads the model. */
export function needsReload(loaded: RunnerSettings, wanted: RunnerSettings): boolean {
  return (
    loaded.numCtx !== wanted.numCtx ||
    loaded.shift !== wanted.shift ||
    loaded.mainGpu !== wanted.mainGpu ||
    loaded.numThread !== wanted.numThread ||
    loaded.draftNumPredict !== wanted.draftNumPredict ||
    (wanted.numGpu >= 0 && loaded.numGpu !== wanted.numGpu) ||
    loaded.numBatch !== wanted.numBatch ||
    (wanted.useMmap !== undefined && loaded.useMmap !== wanted.useMmap)
  );
}
