import assert from "node:assert/strict";
import { test } from "node:test";

import { learn } from "../../static/js/shared/phrases.js";
import { chanceOf, reduce, viewOf } from "../../static/js/buyer/state.js";
import { words } from "../../static/js/buyer/words.js";
import { cases, catalogue, nowMs } from "./cases.mjs";

learn(catalogue);

for (const { name, state, view, says = {}, flags = {}, title } of cases) {
  test(name, () => {
    assert.equal(viewOf(state), view);
    const shown = words(state, nowMs);
    for (const [slot, text] of Object.entries(says)) assert.equal(shown.slots[slot], text, slot);
    for (const [flag, value] of Object.entries(flags)) assert.equal(shown.flags[flag], value, flag);
    if (title) assert.equal(shown.title, `${title} · Night`);
  });
}

const base = cases.find(({ name }) => name === "my turn").state;

test("an older order never replaces a newer one", () => {
  const newer = reduce(base, { type: "order", order_id: "a", version: 3, status: "CONFIRMED", items: [] }, nowMs);
  assert.equal(reduce(newer, { type: "order", order_id: "a", version: 2, status: "PENDING" }, nowMs), newer);
});

test("the clock of a turn stops with the sale and goes on with the end it is then given", () => {
  const paused = reduce(base, { type: "stock", sale: "paused", skus: [] }, nowMs);
  const text = (state, ms) => words(state, ms).slots.pass_clock;
  assert.equal(text(paused, nowMs + 120_000), "4:32");
  const open = reduce(paused, { type: "stock", sale: "open", skus: [] }, nowMs + 120_000);
  const moved = reduce(open, { type: "place", status: "admitted", number: 1, expires_at: "2026-11-23T19:06:32.000Z" }, nowMs + 120_000);
  assert.equal(text(moved, nowMs + 120_000), "4:32");
});

test("a place told while the sale is paused shows what was left when it was told", () => {
  const paused = reduce(base, { type: "stock", sale: "paused", skus: [] }, nowMs);
  const told = reduce(paused, { type: "place", status: "admitted", number: 1, expires_at: "2026-11-23T19:06:32.000Z" }, nowMs + 120_000);
  assert.equal(words(told, nowMs + 300_000).slots.pass_clock, "4:32");
});

test("the door shows how long it waits, until a place comes", () => {
  const door = reduce(cases[0].state, { set: { door: { until_ms: nowMs + 3_400 } } }, nowMs);
  assert.equal(viewOf(door), "door");
  assert.equal(words(door, nowMs).slots.door_words, "This page tries again automatically in 4 seconds.");
  assert.equal(viewOf(reduce(door, { type: "place", status: "lobby", waiting: 3 }, nowMs)), "lobby");
});

test("the chance falls as the queue ahead grows", () => {
  const order = ["likely", "possible", "unlikely", "very_unlikely"];
  const seen = [0, 74, 75, 299, 300, 599, 600, 90_000].map((position) => order.indexOf(chanceOf({ ...base, place: { status: "waiting", position } })));
  assert.deepEqual(seen, [0, 0, 1, 1, 2, 2, 3, 3]);
});
