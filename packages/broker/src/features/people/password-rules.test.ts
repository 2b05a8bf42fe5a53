import { describe, expect, it } from 'vitest';
import { problemOfPassword } from './password-rules.ts';

describe('a password', () => {
  it.each([
    'tangled-otter-bicycle-9',
    'correct horse battery staple',
    'xK9#mQ2vLp8wRt',
    'eu gosto de pão de queijo quente',
    'ловлю рыбу по воскресеньям',
    'only lower case letters here',
  ])('of its own is taken, whatever its characters are: %s', (password) => {
    expect(problemOfPassword(password, 'ana')).toBeNull();
  });

  it.each([
    ['fila123456789', 'ana'],
    ['Password123456', 'ana'],
    ['P@ssw0rd!P@ssw0rd!', 'ana'],
    ['administrator2024', 'ana'],
    ['marianamariana1', 'mariana'],
    ['mariana.souza99', 'mariana.souza'],
    ['aaaaaaaaaaaaaaaa', 'ana'],
    ['qwertyuiopasdfgh', 'ana'],
    ['1234567890123456', 'ana'],
    ['senhasecreta12', 'ana'],
    ['abababababababab', 'ana'],
  ])('that is easily guessed is refused: %s of %s', (password, name) => {
    expect(problemOfPassword(password, name)).toMatch(/common words/);
  });

  it('has 12 to 128 characters, counted as people see them', () => {
    expect(problemOfPassword('xK9#mQ2vLp8', 'ana')).toMatch(/12 characters or more/);
    expect(problemOfPassword('kräftig-blümä', 'ana')).toBeNull();
    expect(problemOfPassword('xK9#mQ2v'.repeat(16), 'ana')).toBeNull();
    expect(problemOfPassword(`${'xK9#mQ2v'.repeat(16)}z`, 'ana')).toMatch(/128 characters or fewer/);
  });
});
