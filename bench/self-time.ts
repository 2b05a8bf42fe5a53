/** Sums the self time of a V8 CPU profile by package. */

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  /** Microseconds of the monotonic clock, the one process.hrtime tells. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Microseconds from the sample before. */
  readonly timeDeltas: readonly number[];
}

/** Shares of the time that was not idle, between two moments of the profile's clock; they add up to 1. */
export function selfTimeByPackage(profile: CpuProfile, fromUs: number, untilUs: number): Map<string, number> {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, packageOf(callFrame)]));
  const times = new Map<string, number>();
  let atUs = profile.startTime;
  let sumUs = 0;
  for (const [n, id] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[n]!;
    atUs += deltaUs;
    const name = names.get(id)!;
    if (name === '(idle)' || atUs < fromUs || atUs > untilUs) continue;
    times.set(name, (times.get(name) ?? 0) + deltaUs);
    sumUs += deltaUs;
  }
  return new Map([...times].map(([name, us]) => [name, us / sumUs]));
}

function packageOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  const installed = url.lastIndexOf('/node_modules/');
  if (installed >= 0) {
    const [scope = '', name = ''] = url.slice(installed + '/node_modules/'.length).split('/');
    return scope.startsWith('@') ? `${scope}/${name}` : scope;
  }
  if (url.startsWith('node:')) return 'node';
  if (url !== '') return 'fila';
  // What has no file: V8's own, such as (garbage collector), and built-in functions.
  return functionName.startsWith('(') ? functionName : 'node';
}
