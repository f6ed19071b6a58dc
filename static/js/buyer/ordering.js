// Reserving, so that a lost answer never makes a second order: what was sent, with its key, is kept
// until an answer is known, and is sent again as it was.

import { call, Problem } from "../shared/api.js";

const TRIES = 4;

const keyName = (slug) => `tc:order:${slug}`;
export const unanswered = (slug) => JSON.parse(sessionStorage.getItem(keyName(slug)) ?? "null");

// What was answered, signed: with it an order comes back that the shop has lost.
const receiptName = (id) => `tc:receipt:${id}`;
export function receiptOf(id) {
  const receipt = sessionStorage.getItem(receiptName(id));
  return receipt ? { "Order-Receipt": receipt } : {};
}

// Resolves to the 202 answer with the items it is about. Throws a Problem; `unanswered` still tells whether it must be repeated.
export async function reserve(slug, items) {
  const sent = unanswered(slug) ?? { key: crypto.randomUUID(), items };
  sessionStorage.setItem(keyName(slug), JSON.stringify(sent));
  for (let tries = 1; ; tries++) {
    try {
      const answer = await call("POST", `/api/v1/events/${slug}/orders`, { body: { items: sent.items }, headers: { "Idempotency-Key": sent.key } });
      sessionStorage.removeItem(keyName(slug));
      if (answer.receipt) sessionStorage.setItem(receiptName(answer.order_id), answer.receipt);
      return { ...answer, items: sent.items };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.answered) sessionStorage.removeItem(keyName(slug));
      if (problem.answered || tries === TRIES) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tries * (0.5 + Math.random())));
    }
  }
}
