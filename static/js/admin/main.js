// The dashboard: each snapshot becomes figures, lines and lights.

import { call } from "../shared/api.js";
import { keepLive } from "../shared/live.js";
import { money } from "../shared/money.js";
import { $, $$, setFlags, setRows, setSlots, setText } from "../shared/page.js";
import { count, learn, phrase } from "../shared/phrases.js";
import { clock, dayAndHour, hourOf, learnServerTime, serverNowMs, span } from "../shared/time.js";
import catalogue from "./catalogue.js";
import { bar } from "./bar.js";
import { funnel, legendMark, sellThrough, sparkline } from "./charts.js";
import { setUpControls, showControls } from "./controls.js";
import "./forms.js"; // the link to the wall
import { add, flowPerMinute, joined, keep, recall, recalled, sampleOf, soldOutAt, STAGES } from "./history.js";

const FIGURES = ["outbox", "lag", "dlq", "connections"];
const HIGH = { outbox: 1000, lag: 1000, dlq: 0 };
const FEED_ROWS = 40;

learn(catalogue);
const first = JSON.parse($("#state").textContent);
const slug = first.event.slug;
const historyKey = `tc:history:${slug}`;
const path = `/api/v1/admin/events/${slug}`;
let history = recall(historyKey);
let snapshot = first;
let link = "connecting";
let live = null;
let past = [];
let range = "all";
const RANGES = { all: Infinity, hour: 3_600_000, ten: 600_000 };
const TROUBLE_EVERY_MS = 10_000;

function take(next) {
  snapshot = next;
  learnServerTime(next.server_now);
  history = add(history, sampleOf(next));
  show();
}

const sumOf = (field) => snapshot.skus.reduce((sum, sku) => sum + sku[field], 0);
const flowWords = (n) => (n === null ? phrase("none") : n ? phrase("flow", { n }) : phrase("flow.none"));

const waitWords = ({ let_in: n, p50_seconds: half, p95_seconds: most }) => (n ? phrase("waits", { n, half: span(half * 1000), most: span(most * 1000) }) : phrase("waits.none"));

function show() {
  const { event, funnel: counts, money: cash, trust, trouble } = snapshot;
  const rate = cash.charges_completed + cash.charges_failed;
  const opensIn = event.opens_at ? Date.parse(event.opens_at) - serverNowMs() : 0;
  setSlots({
    sale: event.sale === "scheduled" && opensIn > 0 ? phrase("opens_in", { left: clock(opensIn) }) : phrase(`sale.${event.sale}`),
    sold: count(sumOf("sold")), held: count(sumOf("held")), available: count(sumOf("available")), capacity: count(sumOf("capacity")),
    ...Object.fromEntries(STAGES.flatMap((stage) => [[stage, count(counts[stage])], [`${stage}_flow`, flowWords(flowPerMinute(history, stage))]])),
    waits: waitWords(snapshot.waits), lapsed: phrase("lapsed", { n: snapshot.passed.lapsed }),
    taken: money(cash.taken, cash.currency), pending: money(cash.pending, cash.currency), refunded_money: money(cash.refunded, cash.currency),
    success: rate ? phrase("money.rate", { percent: ((100 * cash.charges_completed) / rate).toFixed(1) }) : phrase("none"),
    success_words: rate ? phrase("money.declined", { failed: cash.charges_failed, all: rate }) : phrase("money.none"),
    ...Object.fromEntries(FIGURES.map((name) => [name, trust[name] === null ? phrase("none") : count(trust[name])])),
    notice: event.notice ?? "", message: event.message ?? "",
    allowed: phrase("allowed", { rate: event.rate_per_minute, room: event.room }), held_back: phrase(`held_back.${snapshot.pace.held_back_by}`),
    trouble: phrase("trouble", { n: trouble.in_review }), refused: phrase("trouble.refused", { n: trouble.refused_refunds }),
  });
  setFlags({ message: Boolean(event.message), paused: event.sale === "paused" && Boolean(event.notice), trouble: trouble.in_review + trouble.refused_refunds > 0, overload: trust.overload.reasons.length > 0 || trust.overload.pace < 1 });
  setRows($("[data-trouble]"), "trouble-row", trouble.orders.map((order) => [
    order.code, phrase("trouble.order", { paid: money(order.paid, order.currency), total: money(order.total, cash.currency), when: dayAndHour(order.expires_at) }),
  ]));
  $("main").dataset.state = event.sale;
  $("[data-sale]").dataset.sale = event.sale;
  document.title = `${count(sumOf("sold"))} of ${count(sumOf("capacity"))} · ${event.name}`;
  showControls(event);
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
    setText($("[data-out]", row), outWords(sku, outAt[i]));
  });
  const { from, now, until } = sellThrough($("#sell"), joined(past, history, RANGES[range]), snapshot.skus, outAt);
  setSlots({ chart_from: phrase("chart.from", { age: span(now - from) }), chart_until: phrase("chart.until", { left: span(until - now) }) });
}

function outWords(sku, outAt) {
  if (sku.sold >= sku.capacity) return phrase("sku.sold_out");
  if (outAt === null) return phrase("sku.quiet");
  return outAt ? phrase("sku.out_at", { hour: hourOf(outAt), left: span(outAt - history.at(-1).at) }) : "";
}

function showTrust({ verdict, processes, overload, ...queues }) {
  const now = serverNowMs();
  const box = $("[data-verdict]");
  box.dataset.verdict = verdict ? (verdict.ok ? "ok" : "bad") : "none";
  setSlots({
    verdict: phrase(`verdict.${box.dataset.verdict}`),
    verdict_age: verdict ? phrase("verdict.age", { age: span(now - Date.parse(verdict.checked_at)) }) : phrase("verdict.first"),
  });
  setRows($("[data-failed]"), "failed-row", (verdict?.failed ?? []).map((line) => [line]));
  for (const [name, limit] of Object.entries(HIGH)) $(`[data-queue="${name}"]`).classList.toggle("high", queues[name] > limit);
  const { reasons, arrivals_wait, pace } = overload;
  setSlots({
    overload: reasons.map((reason) => phrase(`overload.${reason}`)).join(" ") || phrase("overload.over"),
    overload_what: [pace < 1 ? phrase("overload.pace", { percent: Math.round(pace * 100) }) : "", arrivals_wait ? phrase("overload.arrivals") : ""].join(" "),
  });
  const silent = processes.filter((process) => !process.ok);
  setSlots({ processes: silent.length ? phrase("processes.silent", { n: silent.length, all: processes.length }) : phrase("processes.ok", { n: processes.length }) });
  const list = $("[data-processes]");
  const several = new Set(processes.map((process) => process.host)).size > 1;
  setRows(list, "process-row", [...silent, ...processes.filter((process) => process.ok)].map((process) => [several ? phrase("process.on", process) : process.name, process.ok ? phrase("process.ok") : phrase("process.silent", { age: span(process.age_seconds * 1000) })]));
  [...list.children].forEach((row, i) => row.classList.toggle("silent", i < silent.length));
}

function showLink() {
  for (const element of $$("[data-link]")) element.dataset.link = link;
  setSlots({ link: link === "reconnecting" ? phrase("link.reconnecting", { age: span(live?.ageMs() ?? 0) }) : phrase(`link.${link}`) });
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

async function remember() {
  past = recalled(await call("GET", `${path}/history`));
  show();
}

async function countTrouble() {
  const { count: n } = await call("GET", `${path}/trouble`);
  const badge = $("[data-badge]");
  if (!badge) return;
  badge.hidden = !n;
  setText(badge, count(n));
}

for (const button of $$("[data-range]")) {
  button.addEventListener("click", () => {
    range = button.dataset.range;
    for (const other of $$("[data-range]")) other.setAttribute("aria-pressed", other === button);
    show();
  });
}
remember().catch(() => {}); // the chart begins with what this page has seen
countTrouble().catch(() => {});
setInterval(() => countTrouble().catch(() => {}), TROUBLE_EVERY_MS);
addEventListener("resize", show);
addEventListener("pagehide", () => keep(historyKey, history));
