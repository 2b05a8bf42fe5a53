import { describe, expect, it } from 'vitest';
import { LedgerUnavailable } from '../ledger/ledger.ts';
import { explainDatabase, explainRedis } from './explain.ts';

const error = (code: string, message = ''): Error => Object.assign(new Error(message), { code });

describe('why an engine is away', () => {
  it.each([
    [error('ER_ACCESS_DENIED_ERROR'), /refuses the user or the password/],
    [error('ER_BAD_DB_ERROR'), /does not exist/],
    [error('ECONNREFUSED', 'connect ECONNREFUSED 10.1.2.3:3306'), /Nobody listens/],
    [error('ENOTFOUND'), /host name/],
    [error('ER_CON_COUNT_ERROR', 'Too many connections'), /no more connections/],
    [error('ER_DISK_FULL'), /disk is full/],
    [error('', 'database or disk is full'), /disk is full/],
    [new LedgerUnavailable('The disk did not keep what was written (EIO).'), /restart the broker/],
    [error('', 'attempt to write a readonly database'), /only be read/],
    [error('PROTOCOL_SEQUENCE_TIMEOUT'), /does not answer in time/],
    [error('PROTOCOL_CONNECTION_LOST'), /connection broke/],
    [new LedgerUnavailable('', { cause: error('ER_ACCESS_DENIED_ERROR') }), /refuses the user/],
    [Object.assign(new Error(), { original: error('ER_BAD_DB_ERROR') }), /does not exist/],
    [new Error('SELECT secret'), /does not work as it should/],
    [undefined, /does not work as it should/],
  ])('the database: %s', (thrown, sentence) => {
    expect(explainDatabase(thrown)).toMatch(sentence);
    expect(explainDatabase(thrown)).not.toMatch(/10\.1\.2\.3|secret/);
  });

  it.each([
    ['WRONGPASS invalid username-password pair', /refuses/],
    ["READONLY You can't write against a read only replica.", /replica/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /memory is full/],
    ['MISCONF Redis is configured to save RDB snapshots', /cannot write to its disk/],
    ['LOADING Redis is loading the dataset in memory', /still loads/],
    ['Command timed out', /in time/],
    ["Stream isn't writeable and enableOfflineQueue options is false", /connection broke/],
  ])('Redis: %s', (message, sentence) => {
    expect(explainRedis(new Error(message))).toMatch(sentence);
  });
});
