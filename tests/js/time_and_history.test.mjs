import assert from "node:assert/strict";
import { test } from "node:test";

import { add, flowPerMinute, soldOutAt } from "../../static/js/admin/history.js";
import { money } from "../../static/js/shared/money.js";
import { learn, phrase } from "../../static/js/shared/phrases.js";
import { clock, eta, span } from "../../static/js/shared/time.js";
import { catalogue } from "./cases.mjs";

learn(catalogue);

test("clocks and spans", () => {
  assert.equal(clock(272_000), "4:32");
  assert.equal(clock(3_661_000), "1:01:01");
  assert.equal(clock(90_000_000), "1 d 1 h");
  assert.equal(clock(-5), "0:00");
  assert.equal(span(1_000), "1 second");
  assert.equal(span(150_000), "3 minutes");
  assert.equal(span(7_200_000), "2 hours");
});

test("a time to wait is a range in words", () => {
  assert.equal(eta(null), "not known yet");
  assert.equal(eta([0, 59]), "in under a minute");
  assert.equal(eta([290, 300]), "in 4 to 5 min");
  assert.equal(eta([300, 300]), "in about 5 min");
  assert.equal(eta([7_200, 10_000]), "in 2 to 3 hours");
});

test("a phrase knows none, one and many", () => {
  assert.equal(phrase("left", { n: 0 }), "none left");
  assert.equal(phrase("left", { n: 1_234 }), "1,234 left");
  assert.equal(phrase("span.seconds", { n: 1 }), "1 second");
});

test("amounts are shown exactly", () => {
  assert.equal(money(450_005, "USD"), "$4,500.05");
  assert.equal(money(9_000, "EUR"), "€90.00");
});

const sample = (seconds, paid, sold = 0) => ({ at: seconds * 1000, waiting: 100, passed: { paid }, sold: { 1: sold } });

test("a flow is what came in, not how a level changed", () => {
  const history = [0, 30, 60].reduce((so_far, s) => add(so_far, sample(s, s * 2)), []);
  assert.equal(flowPerMinute(history, "paid"), 120);
  assert.equal(flowPerMinute(history.slice(0, 1), "paid"), null);
});

test("a projection needs sales, and ends with the last ticket", () => {
  const history = [0, 30, 60].reduce((so_far, s) => add(so_far, sample(s, 0, s)), []);
  assert.equal(soldOutAt(history, { id: 1, sold: 60, capacity: 120 }), 120_000);
  assert.equal(soldOutAt([sample(0, 0), sample(60, 0)], { id: 1, sold: 0, capacity: 120 }), null);
});
