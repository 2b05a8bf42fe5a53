/** What there is to know about a setting, between the table that says it and the room that changes it. */

export interface KnownSetting {
  readonly name: string;
  /** The environment variable. */
  readonly variable: string;
  readonly about: string;
  /** Empty when it has none. */
  readonly unit: string;
  /** What a valid value looks like, in words. */
  readonly expects: string;
  /** May be changed while brokers run. */
  readonly isLive: boolean;
  readonly isSecret: boolean;
  /** As text, masked: what holds when nobody says anything, and what this daemon was started with. */
  readonly defaultText: string;
  readonly startText: string;
  readonly startSource: 'default' | 'file' | 'environment' | 'flag';
  /** The value, or undefined when the text is not one. */
  read(text: string): unknown;
  /** As text, masked; of a setting that is not secret `read` makes the same value of it. */
  show(value: unknown): string;
}

export interface SettingCatalog {
  readonly all: readonly KnownSetting[];
  /** What is wrong when these values take the place of those of the start, in sentences. */
  problemsOf(overrides: ReadonlyMap<string, unknown>): readonly string[];
}
