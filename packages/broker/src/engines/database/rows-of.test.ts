import { DatabaseError, DataTypes, literal, type Sequelize } from 'sequelize';
import { beforeAll, describe, expect, it } from 'vitest';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { marksFor } from '../ledger/sql-runner.ts';
import { rowsOf } from './rows-of.ts';

function shelf(sequelize: Sequelize) {
  return sequelize.define(
    'shelf',
    {
      id: { type: DataTypes.STRING(20), primaryKey: true },
      at: { type: DataTypes.BIGINT, field: 'filled_at' },
      isOpen: { type: DataTypes.BOOLEAN, field: 'is_open' },
      sealed: DataTypes.BLOB,
      note: DataTypes.TEXT,
    },
    { tableName: 'shelves', timestamps: false },
  );
}

describe.each(DATABASES.filter(({ isAvailable }) => isAvailable))('on $name', ({ open }) => {
  let engines: Engines;
  let model: ReturnType<typeof shelf>;

  beforeAll(async () => {
    engines = await open();
    model = shelf(engines.database.sequelize);
    await model.sync();
    await model.bulkCreate([
      { id: 'a', at: 1_790_000_000_123, isOpen: true, sealed: Buffer.from([0, 255, 39]), note: "it's ?" },
      { id: 'b', at: null, isOpen: false, sealed: null, note: null },
    ]);
  });

  it('gives rows as the model gives them', async () => {
    expect(await rowsOf(model)('ORDER BY id')).toEqual(await model.findAll({ raw: true, order: ['id'] }));
  });

  it('asks with values, and for columns by name', async () => {
    const rows = rowsOf(model, ['id', 'at']);
    expect(await rows('WHERE sealed = ? AND note = ?', [Buffer.from([0, 255, 39]), "it's ?"])).toEqual([
      { id: 'a', at: 1_790_000_000_123 },
    ]);
    const wanted = ['b', 'c'];
    expect(await rows(`WHERE id IN ${marksFor(wanted)}`, wanted)).toEqual([{ id: 'b', at: null }]);
  });

  it('sees within an act what that has written, and elsewhere only what is committed', async () => {
    const rows = rowsOf(model, ['id']);
    const count = async () => (await rows('')).length;
    const outside = Promise.withResolvers<() => Promise<number>>();
    const asked = outside.promise.then((ask) => ask());
    const act = engines.database.together(async () => {
      await model.create({ id: 'c' });
      expect(await count()).toBe(3);
      outside.resolve(count);
      expect(await asked).toBe(2);
      throw new Error('no');
    });
    await expect(act).rejects.toThrow('no');
    expect(await count()).toBe(2);
  });

  it('fails as the model fails, so that callers are told the same', async () => {
    const wrong = { raw: true, where: literal('nothing = 1') };
    const [ours, theirs] = await Promise.all([
      rowsOf(model)('WHERE nothing = 1').catch((error: unknown) => error),
      model.findAll(wrong).catch((error: unknown) => error),
    ]);
    expect(ours).toBeInstanceOf(DatabaseError);
    const codeOf = (error: unknown) => (error as { original: { code: string } }).original.code;
    expect(codeOf(ours)).toBe(codeOf(theirs));
  });

  it('keeps no connection, also when the question is wrong', async () => {
    const rows = rowsOf(model);
    for (let n = 0; n < 20; n++) await expect(rows('WHERE nothing = 1')).rejects.toThrow(/nothing/);
    expect(await rows('WHERE id = ?', ['a'])).toHaveLength(1);
  });
});
