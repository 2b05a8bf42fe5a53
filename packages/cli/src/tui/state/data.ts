/** What the screen shows of the broker: the parts of its answers that are used here. Times are RFC 3339. */

export interface Counts {
  readonly pending: number;
  readonly processing: number;
  readonly delayed: number;
  readonly oldest_wait_ms: number | null;
  readonly accepted_per_minute: number;
  readonly ended_per_minute: number;
}

export interface LaneLine extends Counts {
  readonly queue: string;
  readonly key_id: string;
  readonly key_name: string | null;
  readonly band: number;
  readonly model: string;
}

export interface KeyCounts extends Counts {
  readonly key_id: string;
}

export interface UpstreamLine {
  readonly id: string;
  readonly status: 'unknown' | 'up' | 'down';
  readonly since: string | null;
  readonly last_error: string | null;
  readonly enabled: boolean;
  readonly draining: boolean;
  readonly slots: number;
  readonly running: number;
  readonly free: number;
  readonly models: number;
  readonly version: string | null;
  readonly open_breakers: readonly string[];
}

export interface TroubledEndpoint {
  readonly id: string;
  readonly key_id: string;
  readonly host: string;
  readonly status: 'enabled' | 'disabled';
  readonly failing_since: string | null;
  readonly disabled_reason: string | null;
}

export interface Picture {
  readonly at: string;
  readonly broker: {
    readonly id: string;
    readonly brokers: number;
    readonly uptime_ms: number;
    readonly rss_bytes: number;
  };
  readonly requests: {
    readonly pending: number;
    readonly processing: number;
    readonly delayed: number;
    readonly oldest_wait_ms: number | null;
    readonly change_per_second: number | null;
    readonly dead_letters: number;
    readonly dead_letters_is_complete: boolean;
  };
  readonly flow: {
    readonly accepted_per_second: number;
    readonly completed_per_second: number;
    readonly failed_per_second: number;
    readonly retried_per_second: number;
    readonly refused_per_second: number;
    readonly tokens_per_second: number;
    readonly seconds: {
      readonly accepted: readonly number[];
      readonly completed: readonly number[];
      readonly failed: readonly number[];
    };
  };
  readonly limits: { readonly refused_minute: number };
  readonly lanes_total: number;
  readonly lanes: readonly LaneLine[];
  readonly keys: readonly KeyCounts[];
  readonly models: readonly (Counts & { readonly model: string })[];
  readonly upstreams: readonly UpstreamLine[];
  readonly webhooks: {
    readonly pending: number;
    readonly due: number;
    readonly oldest_due_ms: number | null;
    readonly endpoints: number;
    readonly failing: number;
    readonly disabled: number;
    readonly troubled: readonly TroubledEndpoint[];
  };
}

export interface RequestLine {
  readonly id: string;
  readonly status: string;
  readonly key_id: string;
  readonly key_name: string | null;
  readonly model: string;
  readonly priority: number;
  readonly attempts: number;
  readonly upstream: string | null;
  readonly error_code: string | null;
  readonly tokens: number | null;
  readonly processing_time: number | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly run_at: string | null;
  readonly deadline: string | null;
}

export interface DeadLine {
  readonly id: string;
  readonly key_id: string;
  readonly model: string;
  readonly attempts: number;
  readonly error: { readonly code: string; readonly message: string };
  readonly failed_at: string;
  readonly created_at: string;
}

export interface KeyLine {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly status: string;
  readonly plan: string | null;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly created_at: string;
}

/** Everything but `id`, `type` and `at` is shown as it is. */
export interface EventLine {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly [field: string]: unknown;
}
