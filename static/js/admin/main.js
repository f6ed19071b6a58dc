// The dashboard: each snapshot becomes figures, lines and lights.

import { call } from "../shared/api.js";
import { keepLive } from "../shared/live.js";
import { count, money } from "../shared/money.js";
import { $, $$, setFlags, setRows, setSlots, setText } from "../shared/page.js";
import { clock, hourOf, learnServerTime, serverNowMs, spanWords } from "../shared/time.js";
import { bar, funnel, legendMark, sellThrough, sparkline } from "./charts.js";
import { setUpControls, showControls } from "./controls.js";
import { add, flowPerMinute, keep, recall, sampleOf, soldOutAt, STAGES } from "./history.js";

const SALE_WORDS = { scheduled: "Not open yet", drawing: "Drawing the order", open: "On sale", paused: "Paused", sold_out: "Sold out", closed: "Closed", not_ready: "Being prepared" };
const HIGH = { outbox: 1000, lag: 1000, dlq: 0 };
const FEED_ROWS = 40;

const first = JSON.parse($("#state").textContent);
const slug = first.event.slug;
const historyKey = `tc:history:${slug}`;
const path = `/api/v1/admin/events/${slug}`;
let history = recall(historyKey);
let snapshot = first;
let link = "connecting";
let live = null;

function take(next) {
  snapshot = next;
  learnServerTime(next.server_now);
  history = add(history, sampleOf(next));
  show();
}

const sumOf = (field) => snapshot.skus.reduce((sum, sku) => sum + sku[field], 0);
const signed = (n) => (n === null ? "–" : n === 0 ? "steady" : `${n > 0 ? "+" : "−"}${count(Math.abs(n))} / min`);

function show() {
  const { event, funnel: counts, money: cash, trust } = snapshot;
  const rate = cash.charges_completed + cash.charges_failed;
  const opensIn = event.opens_at ? Date.parse(event.opens_at) - serverNowMs() : 0;
  setSlots({
    sale: event.sale === "scheduled" && opensIn > 0 ? `Opens in ${clock(opensIn)}` : SALE_WORDS[event.sale],
    sold: count(sumOf("sold")), held: count(sumOf("held")), available: count(sumOf("available")), capacity: count(sumOf("capacity")),
    ...Object.fromEntries(STAGES.flatMap((stage) => [[stage, count(counts[stage])], [`${stage}_flow`, signed(flowPerMinute(history, stage))]])),
    taken: money(cash.taken, cash.currency), pending: money(cash.pending, cash.currency), refunded_money: money(cash.refunded, cash.currency),
    success: rate ? `${((100 * cash.charges_completed) / rate).toFixed(1)}%` : "–",
    success_words: rate ? `${count(cash.charges_failed)} of ${count(rate)} declined` : "no payments yet",
    ...Object.fromEntries(Object.keys(HIGH).map((name) => [name, trust[name] === null ? "–" : count(trust[name])])),
    notice: event.notice ?? "",
  });
  setFlags({ paused: event.sale === "paused" && Boolean(event.notice) });
  $("main").dataset.state = event.sale;
  $("[data-sale]").dataset.sale = event.sale;
  document.title = `${count(sumOf("sold"))} of ${count(sumOf("capacity"))} · ${event.name}`;
  showControls(event.sale);
  showSkus();
  funnel($("#funnel"), counts);
  for (const svg of $$("[data-spark]")) sparkline(svg, history, svg.dataset.spark);
  showTrust(trust);
  setRows($("[data-feed]"), "feed-row", snapshot.feed.slice(0, FEED_ROWS).map(({ at, text }) => [hourOf(at), text]));
  showLink();
}

function showSkus() {
  bar($("#whole"), { capacity: sumOf("capacity"), sold: sumOf("sold"), held: sumOf("held") });
  const outAt = snapshot.skus.map((sku) => soldOutAt(history, sku));
  snapshot.skus.forEach((sku, i) => {
    const row = $(`[data-sku="${CSS.escape(sku.id)}"]`);
    if (!row) return location.reload(); // a sku was added: the server draws its row
    bar($(".bar", row), sku);
    setText($("[data-sold]", row), count(sku.sold));
    setText($("[data-held]", row), count(sku.held));
    setText($("[data-free]", row), count(sku.available));
    setText($("[data-revenue]", row), money(sku.revenue, sku.currency));
    setText($("[data-out]", row), sku.sold >= sku.capacity ? "sold out" : outAt[i] ? `sold out about ${hourOf(outAt[i])}, in ${spanWords(outAt[i] - history.at(-1).at)}` : outAt[i] === null ? "no sales just now" : "");
  });
  const { from, now, until } = sellThrough($("#sell"), history, snapshot.skus, outAt);
  setSlots({ chart_from: `${spanWords(now - from)} ago`, chart_until: `in ${spanWords(until - now)}` });
}

function showTrust({ verdict, processes, ...queues }) {
  const now = serverNowMs();
  const box = $("[data-verdict]");
  box.dataset.verdict = verdict ? (verdict.ok ? "ok" : "bad") : "none";
  setSlots({
    verdict: verdict ? (verdict.ok ? "The books agree" : "The books do not agree") : "Not checked yet",
    verdict_age: verdict ? `checked ${spanWords(now - Date.parse(verdict.checked_at))} ago` : "the first check is on its way",
  });
  setRows($("[data-failed]"), "failed-row", (verdict?.failed ?? []).map((line) => [line]));
  for (const [name, limit] of Object.entries(HIGH)) $(`[data-queue="${name}"]`).classList.toggle("high", queues[name] > limit);
  const silent = processes.filter((process) => !process.ok);
  setSlots({ processes: silent.length ? `${silent.length} of ${processes.length} do not answer` : `All ${processes.length} processes answer` });
  const list = $("[data-processes]");
  setRows(list, "process-row", [...silent, ...processes.filter((process) => process.ok)].map((process) => [process.name, process.ok ? "ok" : `silent for ${spanWords(process.age_seconds * 1000)}`]));
  [...list.children].forEach((row, i) => row.classList.toggle("silent", i < silent.length));
}

function showLink() {
  for (const element of $$("[data-link]")) element.dataset.link = link;
  setSlots({ link: link === "live" ? "Live" : link === "refused" ? "Signed out. Reload to sign in" : link === "connecting" ? "Connecting" : `Reconnecting. Shown as it was ${spanWords(live?.ageMs() ?? 0)} ago` });
}

for (const svg of $$("[data-mark]")) legendMark(svg, Number(svg.dataset.mark));
setUpControls(slug, take);
take(first);
live = keepLive({
  path: `/ws/admin/events/${slug}`,
  withSocket: true,
  onFrame(frame) {
    if (frame.type === "snapshot") take(frame);
  },
  onLink(value) {
    link = value;
    showLink();
  },
  async poll() {
    take(await call("GET", path));
    return 2_000;
  },
});
setInterval(showLink, 1000);
addEventListener("resize", show);
addEventListener("pagehide", () => keep(historyKey, history));
