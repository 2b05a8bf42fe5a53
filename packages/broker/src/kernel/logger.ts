/** What rooms and engines need of a logger; the process hands in a real one. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** What is stored may not be what was written, or cannot be read: a person must look. */
  critical(fields: object, message: string): void;
  /** Nothing can be stored. */
  emergency(fields: object, message: string): void;
}

/** A logger whose lines others have too, as they are written: JSON with a line end. */
export interface TeeLogger extends Logger {
  /** `take` is called with each line; it must neither wait nor throw. */
  tee(take: (line: string) => void): void;
  /** Less important lines are left out from now on. */
  setLevel(level: string): void;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  critical() {},
  emergency() {},
};
