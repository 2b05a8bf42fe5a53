/** Keeps V8's young generation from taking memory that a broker gains nothing from and would not give back. */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Left to itself it grows to 128 MiB under load; from here on a larger one saves no time that can be measured. */
const ENOUGH_BYTES = 64 * 1_048_576;

/** For the whole process and for good: V8 has no other way than a flag. The answer gives up before that. */
export function keepHeapSmall(): () => void {
  const observer = new PerformanceObserver(() => {
    if (youngBytes() < ENOUGH_BYTES) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
}
