// The page of a draw: fetches the list, recomputes the draw here, and says what each step found.

import catalogue from "./catalogue.js";
import { check } from "./check.js";
import { $, setText } from "../shared/page.js";
import { learn, phrase } from "../shared/phrases.js";

const ANSWER_WITHIN_MS = 120_000;

learn(catalogue);
const { slug, draw } = JSON.parse($("#state").textContent);
const button = $("[data-check]");
const bar = $("progress");

// The list is read as it comes, so that a long one shows how far it is.
async function readEntrants(onProgress) {
  const answer = await fetch(`/api/v1/events/${slug}/draw/entrants`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!answer.ok) throw new Error(answer.status);
  const entrants = [];
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) entrants.push(JSON.parse(line));
    onProgress(draw.entrants ? entrants.length / draw.entrants : 1);
  }
  return entrants;
}

function tell(name, good) {
  const line = $(`[data-step="${name}"]`);
  line.dataset.found = good ? "good" : "bad";
  setText(line, phrase(`draw.${name}.${good ? "good" : "bad"}`, { n: draw.entrants }));
}

const own = () => $("#public-id").value.trim().toLowerCase();

async function run() {
  button.disabled = true;
  bar.hidden = false;
  try {
    setText($("[data-said]"), phrase("draw.reading"));
    const entrants = await readEntrants((share) => { bar.value = share / 2; });
    setText($("[data-said]"), phrase("draw.computing"));
    const found = await check(draw, entrants, (share) => { bar.value = (1 + share) / 2; });
    const whole = entrants.length === draw.entrants;
    tell("secret", found.secret);
    tell("list", found.list && whole);
    tell("order", found.order);
    const good = found.secret && found.list && whole && found.order;
    setText($("[data-said]"), phrase(good ? "draw.good" : "draw.bad"));
    $("[data-result]").dataset.result = good ? "good" : "bad";
    const number = found.numbers.get(own());
    setText($("[data-own]"), own() ? phrase(number ? "draw.own" : "draw.own.none", { number }) : "");
  } catch {
    setText($("[data-said]"), phrase("draw.failed"));
  } finally {
    bar.hidden = true;
    button.disabled = false;
  }
}

if (button && globalThis.crypto?.subtle) {
  button.disabled = false;
  button.addEventListener("click", run);
} else if (button) {
  setText($("[data-said]"), phrase("draw.insecure"));
}
