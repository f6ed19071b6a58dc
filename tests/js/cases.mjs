// The cases of tests/cases/views.json as states, as the page's script has them.

import { readFileSync } from "node:fs";

const table = JSON.parse(readFileSync(new URL("../cases/views.json", import.meta.url)));
const language = process.env.WORDS ?? "en";
const words = (room) => JSON.parse(readFileSync(new URL(`../../templates/words/${language}/${room}.json`, import.meta.url)));

export const catalogue = { ...words("shared"), ...words("buyer") };
export const nowMs = Date.parse(table.now);

function order([status, charge, { paid = 9000, refund, ...more } = {}], i) {
  const payment = (kind, at, amount) => ({ payment_id: `${kind}-${i}`, kind, status: at, amount, currency: "USD", created_at: table.now });
  return {
    order_id: `019ab${i}00-86a2-7000-8000-8f3e00000007`, status, version: 1, total: 9000, currency: "USD",
    placed_at: table.now, expires_at: "2026-11-23T19:05:00.000Z",
    items: [{ sku_id: 1, name: "Floor", quantity: 2, price: 4500 }],
    payments: [...(charge ? [payment("CHARGE", charge, paid)] : []), ...(refund ? [payment("REFUND", ...refund)] : [])],
    ...more,
  };
}

export const cases = table.cases.map(({ event, skus = [[300, 0]], place = null, orders = [], page, staying, returned, extended_pass, ...expected }) => ({
  ...expected,
  state: {
    page, staying, returned, extended_pass, place,
    event: {
      slug: "night", name: "Night", sale: "open", opens_at: "2026-11-23T18:00:00.000Z",
      starts_at: "2026-12-24T20:00:00.000Z", doors_at: null, venue: "Grand Hall", accent: "#7c3aed", notice: null,
      rate_per_minute: 600, pass_ttl_seconds: 300, hold_ttl_seconds: 300, max_per_buyer: 4, draw_commitment: "ab",
      skus: skus.map(([available, held], i) => ({ id: i + 1, name: "Floor", price: 4500, currency: "USD", available, held })),
      ...event,
    },
    orders: orders.map(order),
    server_now: table.now, paused_at_ms: nowMs, place_at_ms: nowMs,
  },
}));
