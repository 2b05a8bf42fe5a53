/** Says in one sentence why an engine is away, for operators: without addresses, SQL or secrets. */

type Reasons = readonly (readonly [RegExp, string])[];

/** Matched against the codes and messages of an error and of its causes; the first that fits is said. */
const DATABASE: Reasons = [
  [/^VaultError$/, 'It was written with another master key.'],
  [
    /ER_(DB)?ACCESS_DENIED|AccessDenied|caching_sha2/,
    'It refuses the user or the password of FILA_DATABASE_URL.',
  ],
  [/ER_BAD_DB/, 'The database named in FILA_DATABASE_URL does not exist.'],
  [
    /ER_(TABLEACCESS|SPECIFIC_ACCESS|COLUMNACCESS)_DENIED/,
    'The user of FILA_DATABASE_URL may not do enough.',
  ],
  [/ECONNREFUSED/, 'Nobody listens at the address of FILA_DATABASE_URL.'],
  [/ENOTFOUND|EAI_AGAIN/, 'The host name of FILA_DATABASE_URL cannot be found.'],
  [/EHOST|ENET/, 'There is no way to the host of FILA_DATABASE_URL.'],
  [
    /ER_CON_COUNT|TOO_MANY_USER|ER_USER_LIMIT|Too many connections/,
    'It takes no more connections: max_connections is too small.',
  ],
  [
    /did not keep what was written/,
    'Its disk did not keep what was written: see to the disk, then restart the broker.',
  ],
  [/ER_DISK_FULL|ER_RECORD_FILE_FULL|SQLITE_FULL|disk is full|is full$/, 'Its disk is full.'],
  [/ER_OPTION_PREVENTS|ER_READ_ONLY|SQLITE_READONLY|readonly database/, 'It can only be read.'],
  [/SQLITE_(BUSY|LOCKED)|database is locked/, 'Another process holds the database file locked.'],
  [/disk I\/O error|SQLITE_(IOERR|CANTOPEN)|unable to open/, 'Its file cannot be read or written.'],
  [/ETIMEDOUT|SEQUENCE_TIMEOUT|in time|AcquireTimeout/, 'It does not answer in time.'],
  [/PROTOCOL_|ECONN|EPIPE|KILLED|SHUTDOWN|closed|INTERRUPTED/, 'The connection broke.'],
];

const REDIS: Reasons = [
  [/WRONGPASS|NOAUTH|NOPERM|invalid password/, 'It refuses the user or the password of FILA_REDIS_URL.'],
  [/READONLY/, 'It is a replica that can only be read.'],
  [/\bOOM\b/, 'Its memory is full.'],
  [/MISCONF/, 'It cannot write to its disk and takes no changes.'],
  [/LOADING/, 'It still loads its data.'],
  [/ECONNREFUSED/, 'Nobody listens at the address of FILA_REDIS_URL.'],
  [/ENOTFOUND|EAI_AGAIN/, 'The host name of FILA_REDIS_URL cannot be found.'],
  [/EHOST|ENET/, 'There is no way to the host of FILA_REDIS_URL.'],
  [/ETIMEDOUT|in time|timed out|timeout/i, 'It does not answer in time.'],
  [/ECONN|EPIPE|closed|writeable|max retries/i, 'The connection broke.'],
];

export function explainDatabase(error: unknown): string {
  return explain(error, DATABASE);
}

export function explainRedis(error: unknown): string {
  return explain(error, REDIS);
}

function explain(error: unknown, reasons: Reasons): string {
  const words = wordsOf(error);
  return (
    reasons.find(([pattern]) => words.some((word) => pattern.test(word)))?.[1] ??
    'It does not work as it should.'
  );
}

/** Sequelize says `original` for cause. */
function wordsOf(error: unknown): string[] {
  const words: string[] = [];
  for (let one = error; typeof one === 'object' && one !== null && words.length < 24;) {
    const { name, code, message, cause, original } = one as Record<string, unknown>;
    words.push(String(code ?? ''), String(message ?? ''), String(name ?? ''));
    one = cause ?? original;
  }
  return words;
}
