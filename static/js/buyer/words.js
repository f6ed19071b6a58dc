// The state in words: every text and condition the page shows now. Pure, so the page only has to copy it.

import { count, counted, money } from "../shared/money.js";
import { boughtOrders, currentOrder, isQueued, lastCharge, mayStillBuy, viewOf } from "./state.js";
import { clock, dayAndHour, etaWords, hourOf, spanWords } from "../shared/time.js";

const LAPSED = {
  EXPIRED: ["Your time to pay ended", "The tickets went to the next person. You were not charged; if money still arrives, it comes back by itself."],
  CANCELED: ["You gave the tickets back", "Nothing was charged, and the next person has been called."],
  REJECTED: ["We could not keep these tickets", "They were gone before we could write your order down. Nothing was charged."],
  none: ["Your turn ended", "Nothing was reserved and nothing was charged."],
};
export const PAYMENT_WORDS = {
  PENDING: "Payment started", COMPLETED: "Paid", FAILED: "Payment declined, not charged",
  REFUND_PENDING: "Refund on its way", REFUNDED: "Refunded", REFUND_FAILED: "Refund held up, we are on it",
};
const WARNING_MS = 60_000;

const aheadWords = (n) => (n === 0 ? "nobody ahead: you are next" : n === 1 ? "person ahead of you" : "people ahead of you");

function deadline(iso, purpose, now) {
  if (!iso) return { clock: "–", words: "", ending: false };
  const left = Date.parse(iso) - now;
  if (left <= 0) return { clock: "0:00", words: "The time is up", ending: true };
  const words = left > WARNING_MS ? `${purpose}, until ${hourOf(iso)}` : `${spanWords(Math.ceil(left / 10_000) * 10_000)} ${purpose}`;
  return { clock: clock(left), words, ending: left <= WARNING_MS };
}

export function words(state, now) {
  const view = viewOf(state);
  const { event, place } = state;
  const order = currentOrder(state);
  const queued = isQueued(state);
  const where = place?.status;
  const scheduled = event.sale === "scheduled";
  const ahead = place?.position ?? 0;
  const pass = deadline(where === "admitted" && place.expires_at, "to choose", now);
  const hold = deadline(order?.expires_at, "left to pay", now);
  const total = order ? money(order.total, order.currency) : "";
  const opensIn = event.opens_at ? Date.parse(event.opens_at) - now : null;
  const [lapsedTitle, lapsedWords] = LAPSED[where === "lapsed" && !order ? "none" : order?.status] ?? LAPSED.none;
  const held = (event.skus ?? []).reduce((sum, sku) => sum + (sku.held ?? 0), 0);
  const keptPlace = where === "waiting" ? `Your place is kept: ${counted(ahead, "person", "people")} ahead of you. ` : where ? "Your place is kept. " : "";
  const tickets = order?.items?.reduce((sum, item) => sum + item.quantity, 0) ?? 0;

  return {
    view,
    ending: { pass: pass.ending, hold: hold.ending },
    slots: {
      opens_clock: opensIn === null ? "Soon" : opensIn > 0 ? clock(opensIn) : "Now",
      opens_words: opensIn === null ? "The time is not set yet." : opensIn > 0 ? `${dayAndHour(event.opens_at)}, your time` : "The order is being drawn.",
      join_words: scheduled ? "Enter the lobby" : "Join the queue",
      here: counted(place?.waiting || 1, "person is", "people are"),
      ahead: count(ahead),
      ahead_words: aheadWords(ahead),
      eta: etaWords(place?.eta_seconds),
      behind: count(Math.max(0, (place?.waiting ?? 0) - ahead - 1)),
      number: place?.number ? count(place.number) : "–",
      pass_clock: pass.clock,
      pass_words: pass.words,
      after_hold_words: order ? `${(LAPSED[order.status] ?? LAPSED.none)[0]}. Your turn goes on: choose again.` : "",
      hold_clock: hold.clock,
      hold_words: hold.words,
      total,
      pay_words: order?.status === "PENDING" ? `Pay ${total}` : "Writing it down…",
      code: order ? `${order.order_id.slice(9, 13)}-${order.order_id.slice(24, 28)}`.toUpperCase() : "",
      order_id: order?.order_id ?? "",
      yours_words: `${counted(tickets, "ticket", "tickets")}, ${total} paid. We look forward to seeing you.`,
      lapsed_title: lapsedTitle,
      lapsed_words: lapsedWords,
      sold_out_words: held ? `Every ticket is sold, or among the ${count(held)} being paid for right now.` : "Every ticket is sold.",
      in_line_words: `You are still in line${where === "waiting" ? `, with ${counted(ahead, "person", "people")} ahead of you` : ""}. There is nothing to do to stay.`,
      notice: event.notice || "The organiser has stopped letting people in for a moment. There is nothing to do.",
      paused_words: `${keptPlace}This page goes on by itself when the sale does.`,
    },
    flags: {
      left: where === "left",
      scheduled,
      on_sale: !scheduled,
      sold_out: event.sale === "sold_out",
      in_line: queued,
      not_in_line: !queued,
      not_joined: !queued && where !== "admitted",
      pass_ending: pass.ending,
      after_hold: view === "admitted" && Boolean(LAPSED[order?.status]),
      hold_ending: hold.ending,
      declined: lastCharge(order)?.status === "FAILED",
      receipt: view === "confirmed" || Boolean(order?.payments?.length),
      may_buy_more: where === "admitted" && event.sale === "open" && mayStillBuy(state) > 0,
    },
    title: `${titleWords(view, state, { pass, hold, opensIn, ahead })} · ${event.name}`,
    mine: boughtOrders(state),
  };
}

function titleWords(view, state, { pass, hold, opensIn, ahead }) {
  switch (view) {
    case "lobby": return opensIn > 0 ? `Opens in ${opensIn > 90_000 ? spanWords(opensIn) : clock(opensIn)}` : "Opening";
    case "waiting": return count(ahead);
    case "admitted": return `Come in ${pass.clock}`;
    case "held": return `Pay ${hold.clock}`;
    case "paying": return "Waiting for your bank";
    case "confirmed": return "Yours";
    case "sold_out": return "Sold out";
    case "paused": return "Paused";
    case "closed": return "Ended";
    case "lapsed": return "Not reserved";
    case "review": return "Checking your payment";
    case "refunded": return "Refunded";
    default: return state.event.sale === "scheduled" ? "Opening soon" : "On sale";
  }
}

// What to say when something was refused: what happened, and what to do about it.
const HELP = {
  no_pass: "Your turn has ended, so nothing was reserved. Go back in line to get another.",
  sold_out: "Someone was quicker: those tickets have just gone. Choose from what is left.",
  limit: "That is more than one buyer may have. Choose fewer.",
  invalid: "That choice does not work. Change it and try again.",
  key_reused: "This order was already sent. Reload the page to see it.",
  too_many: "That was too often. Wait a few seconds, then try again.",
  busy: "Everyone is reserving at once. Nothing was reserved yet: try again in a few seconds.",
  paused: "The sale is paused. Nothing was reserved; your turn is kept.",
  not_ready: "The sale is not ready yet. Try again in a few seconds.",
  not_payable: "This order can’t be paid any more. What became of it is shown here.",
  not_cancelable: "There is nothing left to give back. What became of the order is shown here.",
  provider_unavailable: "The payment provider does not answer. Your tickets stay held: try again in a few seconds.",
  closed: "The sale has ended.",
  unauthorized: "This browser is not known here any more. Join the queue again, or use your “other device” link.",
  not_found: "That is not there any more. Reload the page.",
  unreachable: "We didn’t hear back. Check your connection and try again: nothing happens twice.",
};
export const helpFor = (problem) => HELP[problem.code] ?? `${problem.detail ?? "That did not work."} Try again in a few seconds. (${problem.code})`;
