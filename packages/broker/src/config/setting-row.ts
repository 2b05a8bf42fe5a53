/** What one setting is made of. */

export interface SettingRow<T> {
  readonly env: string;
  readonly about: string;
  readonly fallback: T | (() => T);
  readonly unit?: string;
  /** Shown masked; may also come from a file named by `<env>_FILE`. */
  readonly secret?: true;
  /** May be overridden in the database while brokers run: whoever reads it reads it anew each time. */
  readonly live?: true;
  readonly kind: SettingKind<T>;
}

export interface SettingKind<T> {
  /** What a valid value looks like, for messages and docs. */
  readonly expects: string;
  /** The value, or undefined when the text is not one. */
  parse(text: string): T | undefined;
}

export function row<T>(setting: SettingRow<T>): SettingRow<T> {
  return setting;
}
