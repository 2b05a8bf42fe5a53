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
    of: (...given) => book().of(...given),
    together: (...given) => book().together(...given),
    wrongKey: (...given) => book().wrongKey(...given),
    ended: (...given) => book().ended(...given),
    places: (...given) => book().places(...given),
    used: (...given) => book().used(...given),
    sent: (...given) => book().sent(...given),
    heldBy: (...given) => book().heldBy(...given),
    get held() {
      return book().held;
    },
  };
}

function copyOf(settings: LimitSettings): LimitSettings {
  return Object.fromEntries(NAMES.map((name) => [name, settings[name]])) as unknown as LimitSettings;
}
