/** The rule book of the settings that are in force: made anew when one of them has changed. */
import { createRuleBook, type LimitSettings, type RuleBook } from './call-rules.ts';

/** Exactly those that it is made of. */
const NAMES = Object.keys({
  ...{ addressLimitMinute: 0, wrongKeysMinute: 0, refusedCallsMinute: 0, writeLimitMinute: 0 },
  ...{ readLimitMinute: 0, adminLimitMinute: 0, maxQueued: 0 },
} satisfies LimitSettings) as (keyof LimitSettings)[];

export function presentRuleBook(settings: LimitSettings): RuleBook {
  let madeOf = copyOf(settings);
  let made = createRuleBook(madeOf);

  function book(): RuleBook {
    if (NAMES.some((name) => settings[name] !== madeOf[name])) {
      madeOf = copyOf(settings);
      made = createRuleBook(madeOf);
    }
    return made;
  }

  return {
    of: (kind, key, address) => book().of(kind, key, address),
    together: (key, requests) => book().together(key, requests),
    wrongKey: (address) => book().wrongKey(address),
    ended: (keyId, limits, tokens) => book().ended(keyId, limits, tokens),
    places: (keyId, limits) => book().places(keyId, limits),
    used: (keyId, limits, tokens) => book().used(keyId, limits, tokens),
    sent: (keyId, limits, requests) => book().sent(keyId, limits, requests),
    heldBy: (keyId) => book().heldBy(keyId),
    get held() {
      return book().held;
    },
  };
}

function copyOf(settings: LimitSettings): LimitSettings {
  return Object.fromEntries(NAMES.map((name) => [name, settings[name]])) as unknown as LimitSettings;
}
