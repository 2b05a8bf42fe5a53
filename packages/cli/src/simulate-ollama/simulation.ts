/** The parts of one simulated server, as its routes share them. */
import type { CallLog } from './call-log.ts';
import type { Catalogue } from './catalogue.ts';
import type { Faults } from './faults.ts';
import type { Hold } from './hold.ts';
import type { Scheduler } from './scheduler.ts';
import type { Settings } from './settings.ts';

export interface Simulation {
  /** Changed in place by the control, so that whatever runs sees it at once. */
  readonly settings: Settings;
  readonly catalogue: Catalogue;
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly hold: Hold;
  /** Digests of those that were uploaded. */
  readonly blobs: Set<string>;
}
