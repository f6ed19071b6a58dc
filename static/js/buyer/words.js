// The state in words: every text and condition the page shows now. Pure, so the page only has to copy it.
// app/web/view.py says the same for the first paint; a test compares them case by case.

import { money } from "../shared/money.js";
import { count, isEnglish, knows, phrase } from "../shared/phrases.js";
import { clock, dayAndHour, eta, hourOf, span } from "../shared/time.js";
import { allInBaskets, boughtOrders, chanceOf, charges, currentOrder, isDeposited, isOnSale, isOpen, isPaid, isQueued, mayStillBuy, ticketsHeld, ticketsLeft, viewOf } from "./state.js";

const WARNING_MS = 60_000;
const DAY_MS = 86_400_000;
const PAID_FOR = ["confirmed", "review", "refunded"];

// A time limit: `name` is pass or hold, stoppedMs the server's time at which a paused sale's clock stopped.
function deadline(name, iso, nowMs, stoppedMs) {
  if (!iso) return { clock: phrase("none"), words: "", ending: false };
  const leftMs = Date.parse(iso) - (stoppedMs ?? nowMs);
  if (leftMs <= 0) return { clock: "0:00", words: phrase("time.up"), ending: true, over: true };
  const ending = leftMs <= WARNING_MS && stoppedMs === null;
  const how = stoppedMs !== null ? "paused" : ending ? "ending" : "until";
  return { clock: clock(leftMs), words: phrase(`${name}.${how}`, { hour: leftMs < DAY_MS ? hourOf(iso) : dayAndHour(iso) }), ending };
}

function chanceWords(state) {
  const chance = chanceOf(state);
  const ahead = state.place?.position ?? 0;
  const left = ticketsLeft(state);
  if (chance === "likely" && ahead === 0) return phrase("chance.likely.first", { n: left });
  return phrase(`chance.${chance}`, { left, ahead, held: ticketsHeld(state), most: state.event.max_per_buyer });
}

function etaWords(state) {
  const chance = chanceOf(state);
  if (chance === "sold_out") return phrase("eta.sold_out");
  if (chance.startsWith("baskets")) return phrase("eta.baskets");
  return chance.endsWith("unlikely") ? phrase("eta.unlikely") : eta(state.place?.eta_seconds);
}

// What is left of a kind of ticket; or from when it is on sale, or that it is not any more.
function leftWords(sku, nowMs) {
  if (isOnSale(sku, nowMs)) return phrase("left", { n: sku.available });
  return nowMs < Date.parse(sku.sells_from) ? phrase("left.from", { when: dayAndHour(sku.sells_from) }) : phrase("left.over");
}

// What became of an order that ended, and of its money: [title, words].
function lapsedWords(order) {
  const status = knows(`lapsed.${order?.status}`) ? order.status : "none";
  const refunds = (order?.payments ?? []).filter((p) => p.kind === "REFUND").map((p) => p.status);
  let words = `lapsed.${status}`;
  if (isPaid(order)) words = !refunds.length ? "lapsed.checking" : refunds.every((s) => s === "REFUNDED") ? "lapsed.refunded" : "lapsed.refunding";
  if (refunds.length && isPaid(order) && isDeposited(order)) words += ".deposit";
  return [phrase(`lapsed.${status}.title`), phrase(words)];
}

// What is paid now and what later, or what is still to be paid.
function instalmentsWords(order) {
  if (!order?.instalments?.length) return "";
  const [first, rest] = order.instalments;
  const amounts = { first: money(first.amount, order.currency), rest: money(rest.amount, order.currency) };
  return phrase(first.paid ? "instalments.rest" : "instalments", { ...amounts, when: dayAndHour(rest.due_at) });
}

function reviewWords(order, nowMs) {
  const paid = charges(order).findLast((p) => p.status === "COMPLETED");
  const amounts = paid ? phrase("review.amounts", { paid: money(paid.amount, paid.currency), total: money(order.total, order.currency) }) : phrase("review.unknown");
  const held = Date.parse(order?.expires_at) > nowMs;
  return [amounts, held ? phrase("review.until", { when: dayAndHour(order.expires_at) }) : phrase("review.open")];
}

function yoursWords(order) {
  const n = order?.items?.reduce((all, item) => all + item.quantity, 0) ?? 0;
  const total = order ? money(order.total, order.currency) : "";
  const refunds = (order?.payments ?? []).filter((p) => p.kind === "REFUND");
  const sum = (some) => some.reduce((all, p) => all + p.amount, 0);
  const refunded = sum(refunds.filter((p) => p.status === "REFUNDED"));
  if (order?.status === "PARTIALLY_REFUNDED") return phrase("yours.partly", { total, refunded: money(refunded, order.currency) });
  if (!refunds.length) return phrase("yours", { n, total });
  const back = sum(refunds); // paid twice, or too much
  return phrase(refunded === back ? "yours.refunded" : "yours.refunding", { total, back: money(back, refunds[0].currency) });
}

// Two people tell two orders apart by this, and one finds it in a mail, on a ticket and on the receipt.
export const orderCode = (id) => `${id.slice(9, 13)}-${id.slice(24, 28)}`.toUpperCase();

export function words(state, nowMs) {
  const view = viewOf(state);
  const { event, place } = state;
  const order = currentOrder(state);
  const queued = isQueued(state);
  const where = place?.status;
  const paused = event.sale === "paused";
  const scheduled = event.sale === "scheduled";
  const ahead = place?.position ?? 0;
  const stopped = (since) => (paused ? Math.max(state.paused_at_ms, since ?? 0) : null);
  const pass = deadline("pass", where === "admitted" && place.expires_at, nowMs, stopped(state.place_at_ms));
  const hold = deadline("hold", isOpen(order) && order.expires_at, nowMs, stopped(order?.at_ms));
  const total = order ? money(order.total, order.currency) : "";
  const due = order ? money(order.due || order.total, order.currency) : "";
  const opensInMs = event.opens_at ? Date.parse(event.opens_at) - nowMs : null;
  const baskets = allInBaskets(state);
  const [lapsedTitle, lapsedText] = lapsedWords(where === "lapsed" && !isPaid(order) ? null : order);
  const [reviewAmounts, reviewUntil] = reviewWords(order, nowMs);
  const doorMs = state.door ? Math.max(0, state.door.until_ms - nowMs) : 0;
  const joinWords = phrase(scheduled ? "join.scheduled" : event.sale === "sold_out" ? "join.sold_out" : "join.open");

  return {
    view,
    ending: { pass: pass.ending, hold: hold.ending },
    slots: {
      opens_clock: opensInMs === null ? phrase("time.soon") : opensInMs > 0 ? clock(opensInMs) : phrase("time.now"),
      opens_words: opensInMs === null ? phrase("opens.unset") : opensInMs > 0 ? dayAndHour(event.opens_at) : phrase("opens.drawing"),
      on_sale_title: phrase(baskets ? "on_sale.baskets.title" : "on_sale.title"),
      on_sale_words: baskets ? phrase("on_sale.baskets.more", { n: ticketsHeld(state) }) : phrase("on_sale.more"),
      join_words: joinWords,
      rejoin_words: event.sale === "sold_out" ? joinWords : phrase("rejoin.open"),
      here: phrase("here", { n: place?.waiting || 1 }),
      ahead: ahead ? count(ahead) : phrase("ahead.next"),
      ahead_words: phrase("ahead", { n: ahead }),
      chance: chanceWords(state),
      eta: etaWords(state),
      behind: count(Math.max(0, (place?.waiting ?? 0) - ahead - 1)),
      number: place?.number ? count(place.number) : phrase("none"),
      pass_clock: pass.clock,
      pass_words: pass.words,
      after_hold_words: order ? phrase("lapsed.again", { title: lapsedWords(order)[0] }) : "",
      hold_clock: hold.clock,
      hold_words: hold.words,
      total,
      pay_words: order?.status === "HELD" ? phrase("pay.preparing") : phrase("pay", { total: due }),
      vat_words: order?.vat ? phrase("vat", { amount: money(order.vat, order.currency) }) : "",
      instalments_words: instalmentsWords(order),
      order_code: order ? orderCode(order.order_id) : "",
      order_id: order?.order_id ?? "",
      order_status: order ? phrase(`order.${order.status === "PENDING" && isDeposited(order) ? "DEPOSITED" : order.status}`) : "",
      yours_words: yoursWords(order),
      lapsed_title: lapsedTitle,
      lapsed_words: lapsedText,
      review_amounts: reviewAmounts,
      review_until: reviewUntil,
      receipt_title: phrase(isPaid(order) ? "receipt.paid" : "receipt.unpaid"),
      in_line_words: phrase("in_line", { n: ahead }),
      notice: event.notice || phrase("paused.notice"),
      paused_words: phrase(`paused.${queued || where === "admitted" ? where : "stranger"}`, { n: ahead, left: pass.clock }),
      door_title: phrase("door.busy"),
      door_words: state.door?.trying ? phrase("door.trying") : phrase("door.wait", { n: Math.ceil(doorMs / 1000) }),
      ...Object.fromEntries((event.skus ?? []).map((sku) => [`left_${sku.id}`, leftWords(sku, nowMs)])),
    },
    flags: {
      left: where === "left",
      scheduled,
      on_sale: !scheduled,
      baskets,
      in_line: queued,
      not_in_line: !queued,
      not_joined: !queued && where !== "admitted",
      may_rejoin: event.sale !== "closed",
      after_hold: view === "admitted" && knows(`lapsed.${order?.status}`),
      extend_pass: view === "admitted" && pass.ending && !pass.over && state.extended_pass !== place.number,
      extend_hold: ["held", "paying"].includes(view) && hold.ending && !hold.over && !order.extended && !state.linked,
      vat: Boolean(order?.vat),
      instalments: isOpen(order) && Boolean(order.instalments?.length),
      declined: charges(order).at(-1)?.status === "FAILED",
      receipt: PAID_FOR.includes(view) || Boolean(order?.payments?.length),
      bought: boughtOrders(state).length > 0,
      may_buy_more: where === "admitted" && event.sale === "open" && mayStillBuy(state) > 0,
    },
    title: `${titleWords(view, state, { pass, hold, opensInMs, ahead, baskets })} · ${event.name}`,
    mine: boughtOrders(state),
  };
}

function titleWords(view, { event }, { pass, hold, opensInMs, ahead, baskets }) {
  switch (view) {
    case "lobby": return opensInMs > 0 ? phrase("title.lobby", { left: opensInMs > 90_000 ? span(opensInMs) : clock(opensInMs) }) : phrase("title.opening");
    case "waiting": return ahead ? count(ahead) : phrase("title.next");
    case "admitted": return phrase("title.admitted", { left: pass.clock });
    case "held": return phrase("title.held", { left: hold.clock });
    case "joinable": return phrase(event.sale === "scheduled" ? "title.scheduled" : baskets ? "title.baskets" : "title.joinable");
    default: return phrase(`title.${view}`);
  }
}

// What to say when something was refused: what happened, and what to do about it. Details come in English.
export function helpFor({ code, detail }) {
  return knows(`help.${code}`) ? phrase(`help.${code}`) : phrase("help.other", { detail: (isEnglish && detail) || phrase("help.detail"), code });
}
