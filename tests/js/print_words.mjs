// Prints what the script says in each case, for the test that compares it with the first paint.

import { learn } from "../../static/js/shared/phrases.js";
import { words } from "../../static/js/buyer/words.js";
import { cases, catalogue, nowMs } from "./cases.mjs";

learn(catalogue);
console.log(JSON.stringify(cases.map(({ name, state }) => {
  const { view, slots, flags, title } = words(state, nowMs);
  return { name, state, view, slots, flags, title };
})));
