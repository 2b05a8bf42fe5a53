/** Keeps V8's heap from taking memory that a broker gains nothing from and would not give back. */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Left to itself the young generation grows to 128 MiB under load; from here on a larger one saves no time that can be measured. */
const ENOUGH_BYTES = 64 * 1_048_576;

/** How much the old one may grow before it is tidied again; left to itself a small one may become four times as large. */
const GROWTH_PERCENT = 100;

/** For the whole process and for good: V8 has no other way than flags. The answer lets the young generation grow on. */
export function keepHeapSmall(): () => void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
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
