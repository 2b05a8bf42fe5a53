import { describe, expect, it } from 'vitest';
import { wantsColour } from './colour.ts';

describe('wantsColour', () => {
  it.each([
    { given: 'a terminal', env: {}, isTty: true, has: true },
    { given: 'a pipe', env: {}, isTty: false, has: false },
    { given: '--no-color on a terminal', flag: false, env: { FORCE_COLOR: '1' }, isTty: true, has: false },
    {
      given: 'NO_COLOR, stronger than FORCE_COLOR',
      env: { NO_COLOR: '1', FORCE_COLOR: '1' },
      isTty: true,
      has: false,
    },
    { given: 'an empty NO_COLOR', env: { NO_COLOR: '' }, isTty: true, has: true },
    { given: 'FORCE_COLOR in a pipe', env: { FORCE_COLOR: '1' }, isTty: false, has: true },
    { given: 'FORCE_COLOR=0 on a terminal', env: { FORCE_COLOR: '0' }, isTty: true, has: false },
    { given: 'CLICOLOR_FORCE in a pipe', env: { CLICOLOR_FORCE: '1' }, isTty: false, has: true },
    { given: 'CLICOLOR_FORCE=0 in a pipe', env: { CLICOLOR_FORCE: '0' }, isTty: false, has: false },
    { given: 'TERM=dumb', env: { TERM: 'dumb' }, isTty: true, has: false },
    { given: 'CLICOLOR=0', env: { CLICOLOR: '0' }, isTty: true, has: false },
  ])('$given: $has', ({ flag = true, env, isTty, has }) => {
    expect(wantsColour({ flag, env, isTty })).toBe(has);
  });
});
