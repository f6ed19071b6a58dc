// The buyer's page, event or order: takes over from the first paint and keeps it true.

import { announce, setUpSound } from "./alerts.js";
import { call, Problem } from "../shared/api.js";
import { keepLive } from "../shared/live.js";
import { money } from "../shared/money.js";
import { $, $$, confirmed, localTimes, say, setFlags, setRows, setSlots, setText, showProblem, showView } from "../shared/page.js";
import { count, learn, phrase } from "../shared/phrases.js";
import { learnServerTime, serverNowMs, span } from "../shared/time.js";
import catalogue from "./catalogue.js";
import { receiptOf, reserve, unanswered } from "./ordering.js";
import { basketItems, emptyBasket, setUpShop, showShop } from "./shop.js";
import { currentOrder, isDeposited, isFinal, reduce, viewOf } from "./state.js";
import { helpFor, words } from "./words.js";

const HELD_LOOK_MS = 10_000;
const LOST_AFTER_MS = 5_000; // shorter breaks are not worth a word
const NOTICE_WITHIN_MS = 2_000;
const DOOR_SECONDS = 3; // between tries to join, where the server does not say

learn(catalogue);
const first = JSON.parse($("#state").textContent);
learnServerTime(first.server_now);
const slug = first.event.slug;
const stayKey = `tc:stay:${slug}`;
const targetKey = `tc:target:${slug}`;
const identityKey = `tc:identity:${slug}`;
const extendedKey = `tc:extended:${slug}`; // the number of the place whose pass got more time
let state = {
  ...first,
  place_at_ms: Date.parse(first.server_now),
  paused_at_ms: Date.parse(first.server_now),
  staying: sessionStorage.getItem(stayKey) === "1",
  extended_pass: Number(sessionStorage.getItem(extendedKey)),
};
let link = "connecting";
let live = null;
let busy = false;

function change(frame) {
  state = reduce(state, frame, serverNowMs());
  show();
}

function show() {
  const now = words(state, serverNowMs());
  const { view } = now;
  const shown = $("main").dataset.state;
  if (shown !== "confirmed" && view === "confirmed" && state.page === "order") {
    location.replace(location.pathname + (state.linked ? location.search : "")); // the server draws the ticket's code
    return;
  }
  if (showView(view)) showProblem("");
  if (view === "admitted") {
    now.slots.reserve_words = showShop(state, { busy, unsure: Boolean(unanswered(slug)), open: now.slots.pass_clock !== "0:00" });
  }
  setSlots({ ...now.slots, link: linkWords() });
  setFlags(now.flags);
  for (const element of $$("[data-link]")) element.dataset.link = link;
  for (const element of $$("[data-ending]")) element.classList.toggle("ending", now.ending[element.dataset.ending]);
  showOrder(now);
  showWay();
  if (document.title !== now.title) document.title = now.title;
  announce(now, state.place);
}

function showOrder({ mine, view }) {
  const order = currentOrder(state);
  const pay = $("[data-action=pay]");
  if (pay) pay.disabled = busy || order?.status !== "PENDING";
  const strip = $("[data-mine]");
  if (strip) {
    strip.hidden = view === "confirmed" || !mine.length;
    if (mine.length) strip.href = `/orders/${mine[0].order_id}`;
  }
  showMessage();
  for (const line of $$("[data-order-line]")) line.hidden = !order;
  if (!order) return;
  const rows = order.items.map((item) => [`${item.quantity} × ${item.name}`, "", money(item.price * item.quantity, order.currency)]);
  for (const list of $$("[data-items]")) setRows(list, "item-row", rows);
  for (const list of $$("[data-payments]")) setRows(list, "payment-row", order.payments.map((p) => [phrase(`payment.${p.status}`), money(p.amount, p.currency)]));
  for (const list of $$("[data-admit]")) setRows(list, "admit-row", order.items.map((item) => [item.name, `× ${item.quantity}`]));
  for (const anchor of $$("[data-order-link]")) anchor.href = `/orders/${order.order_id}`;
}

// What the organiser tells everybody, read out once.
function showMessage() {
  const box = $("[data-message]");
  const text = state.event.message ?? "";
  if (!box || $("span", box).textContent === text) return;
  box.hidden = !text;
  setText($("span", box), text);
  if (text) say(text);
}

// The line from where this browser first saw the place to the front.
function showWay() {
  if (state.place?.status !== "waiting") return;
  const key = `tc:from:${slug}:${state.place.number}`;
  const from = Math.max(Number(sessionStorage.getItem(key)), state.place.position);
  sessionStorage.setItem(key, from);
  $("[data-way]").style.setProperty("--gone", from ? 1 - state.place.position / from : 1);
}

function linkWords() {
  if (link !== "reconnecting") return phrase(`link.${link}`);
  const ageMs = live?.ageMs() ?? 0;
  return ageMs < 2_000 ? phrase("link.reconnecting.now") : phrase("link.reconnecting", { age: span(ageMs) });
}

// Whoever came by an order's link goes on by its key.
const orderPath = ({ order_id: id }, of = "") => `/api/v1/orders/${id}${of}${state.linked ? location.search : ""}`;

async function poll() {
  const order = currentOrder(state);
  const joined = state.place && state.place.status !== "left";
  const [event, place, fresh] = await Promise.all([
    state.page === "order" ? null : call("GET", `/api/v1/events/${slug}`),
    state.page === "order" || !joined ? null : call("GET", `/api/v1/events/${slug}/queue`),
    order && (state.page === "order" || !isFinal(order)) ? call("GET", orderPath(order), { headers: receiptOf(order.order_id) }) : null,
  ]);
  if (event) change({ type: "event", event });
  if (place) change({ type: "place", ...place });
  if (fresh) change({ type: "order", ...fresh });
  return place?.poll_after_ms ?? (order && !isFinal(order) ? 3_000 : 10_000);
}

// A frame says that an order changed; its items and payments come from the order itself.
async function onFrame(frame) {
  if (frame.type === "ping") return learnServerTime(frame.server_now);
  const known = frame.type === "order" && state.orders.find((o) => o.order_id === frame.order_id);
  const paused = frame.type === "stock" && frame.sale === "paused" && state.event.sale !== "paused";
  change(frame);
  // The organiser's words are in the event, and everyone asks for them now: not all in the same instant.
  if (paused) setTimeout(() => poll().catch(() => {}), Math.random() * NOTICE_WITHIN_MS);
  if (frame.type !== "order" || known?.version >= frame.version) return;
  if (!known && state.page === "order") return;
  try {
    change({ type: "order", ...(await call("GET", orderPath(frame))) });
  } catch {
    // The frame already told the status; the next one or the next poll brings the rest.
  }
}

// One thing at a time: a second press while the first is under way does nothing.
async function attempt(work) {
  if (busy) return;
  busy = true;
  try {
    showProblem("");
    show();
    await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    busy = false;
    await poll().catch(() => {});
    showProblem(helpFor(problem));
  } finally {
    busy = false;
    show();
  }
}

// What the sale asks of those who join; nothing at all where it asks for nothing.
function brought() {
  const code = $("#code")?.value.trim();
  const identity = sessionStorage.getItem(identityKey);
  const work = $("altcha-widget input[name=work]")?.value;
  const body = { ...(code && { code }), ...(work && { work }), ...(identity && state.event.accounts && { identity }) };
  return Object.keys(body).length ? body : undefined;
}

// The organiser sends people here with a token behind the #: no server and no log sees it there.
// Where they came from and want to go back to stands in the address.
function keepWhatWasBrought() {
  const target = new URLSearchParams(location.search).get("t");
  if (target) sessionStorage.setItem(targetKey, target);
  const identity = new URLSearchParams(location.hash.slice(1)).get("identity");
  if (!identity) return;
  sessionStorage.setItem(identityKey, identity);
  history.replaceState(null, "", location.pathname + location.search);
}

// Where too many arrive at once the page says so, waits as long as it was told and a bit of its own, and tries again.
const join = () => attempt(async () => {
  let place;
  try {
    place = await call("POST", `/api/v1/events/${slug}/queue`, { body: brought() });
  } catch (problem) {
    $("altcha-widget")?.reset(); // each piece of work counts once
    $("altcha-widget")?.verify();
    if (!problem.mayPass) {
      change({ set: { door: null } });
      throw problem;
    }
    const waitMs = (problem.retryAfterSeconds || DOOR_SECONDS) * 1000 * (1 + Math.random() / 2);
    change({ set: { door: { until_ms: serverNowMs() + waitMs } } });
    setTimeout(knock, waitMs);
    return;
  }
  sessionStorage.removeItem(stayKey);
  const { token, ...where } = place; // a browser has it as its cookie
  change({ set: { staying: false } });
  change({ type: "place", ...where });
  for (const details of $$("[data-device]")) details.hidden = false;
  live.open();
});

function knock() {
  if (!state.door) return;
  change({ set: { door: { ...state.door, trying: true } } });
  join();
}

const reserveChosen = () => attempt(async () => {
  const ids = new Map(state.event.skus.map((sku) => [String(sku.id), sku]));
  const answer = await reserve(slug, basketItems().map(({ id, quantity }) => ({ sku_id: ids.get(id).id, quantity })));
  emptyBasket();
  const items = answer.items.map((item) => ({ ...ids.get(String(item.sku_id)), ...item }));
  change({ type: "order", version: 0, payments: [], ...answer, items });
});

// There is more time once. Whoever asks again hears when it ends, and sees no button any more.
const moreTime = (path, use) => attempt(async () => {
  try {
    use((await call("POST", path)).expires_at);
  } catch (problem) {
    if (problem.code === "already_extended") use(problem.more.expires_at);
    throw problem;
  }
  say(phrase("said.more_time"));
});

// Where the tickets are mailed to, if anywhere: said before paying, so that the mail knows it.
async function sayContact() {
  const field = $("[data-email]");
  const email = field?.value.trim();
  if (!email) return true;
  if (!field.reportValidity()) return false;
  await call("PUT", `/api/v1/orders/${currentOrder(state).order_id}/contact`, { body: { email } });
  return true;
}

const actions = {
  reserve: reserveChosen,
  pay: () => attempt(async () => {
    if (!(await sayContact())) return;
    const { redirect_url: url } = await call("POST", orderPath(currentOrder(state), "/payments"));
    location.assign(url);
  }),
  async leave() {
    const { place } = state;
    const sure = await confirmed({
      title: phrase(viewOf(state) === "admitted" ? "ask.leave.turn" : "ask.leave.title"),
      text: place?.number ? phrase("ask.leave.number", { number: count(place.number) }) : phrase("ask.leave.lobby"),
      yes: phrase("ask.leave.yes"),
      no: phrase("ask.leave.no"),
    });
    if (sure) await attempt(async () => {
      await call("DELETE", `/api/v1/events/${slug}/queue`);
      change({ type: "place", status: "left" });
    });
  },
  async cancel() {
    const order = currentOrder(state);
    const [title, nothing, yes, no] = ["title", "text", "yes", "no"].map((part) => phrase(`ask.cancel.${part}`));
    const text = isDeposited(order) ? phrase("ask.cancel.deposit") : nothing;
    if (await confirmed({ title, text, yes, no })) await attempt(async () => {
      await call("DELETE", `/api/v1/orders/${order.order_id}`);
      await poll();
    });
  },
  // Another shop sells: it checks the pass that comes with the address.
  shop: () => attempt(async () => {
    const target = sessionStorage.getItem(targetKey);
    const ask = (body) => call("POST", `/api/v1/events/${slug}/pass`, { body });
    const pass = await ask(target ? { target } : undefined).catch((problem) => {
      if (problem.code !== "invalid") throw problem; // wherever they came from, it is no place to go to
      return ask();
    });
    location.assign(pass.location);
  }),
  extend_pass: () => moreTime(`/api/v1/events/${slug}/queue/extend`, (until) => {
    const { number } = state.place;
    sessionStorage.setItem(extendedKey, number);
    change({ set: { extended_pass: number, place: { ...state.place, expires_at: until } } });
  }),
  extend_hold: () => moreTime(`/api/v1/orders/${currentOrder(state).order_id}/extend`, (until) => {
    change({ type: "order", ...currentOrder(state), extended: true, expires_at: until });
  }),
  stay() {
    sessionStorage.setItem(stayKey, "1");
    change({ set: { staying: true } });
  },
  more: () => change({ set: { shopping: true } }),
  print: () => print(),
};

for (const element of $$("[data-action]")) element.addEventListener("click", () => actions[element.dataset.action]());
for (const form of $$("[data-join]")) form.addEventListener("submit", (submit) => { submit.preventDefault(); join(); });
document.addEventListener("click", async (click) => {
  const anchor = click.target.closest("[data-copy]");
  if (!anchor) return;
  click.preventDefault();
  try {
    await navigator.clipboard.writeText(anchor.href);
    anchor.textContent = phrase("copied");
    say(phrase("said.copied"));
  } catch {
    prompt(phrase("copy.by_hand"), anchor.href);
  }
});

// The way to another device is drawn by the server, for a buyer it knows: for whoever has just joined, when it is wanted.
async function drawDevice(details) {
  const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
  $("div", details).replaceWith(document.adoptNode($("[data-device] div", page)));
}

// A code to scan comes into view when it is unfolded.
for (const details of $$("details")) {
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    if (details.matches("[data-device]") && !$("a", details)) await drawDevice(details).catch(() => {});
    $(".scan", details)?.scrollIntoView({ block: "center" });
  });
}

keepWhatWasBrought();
setUpSound();
localTimes();
if (state.page !== "order") setUpShop(state.event, show);
live = keepLive({
  path: `/ws/events/${slug}`,
  withSocket: (state.page === "order" && !state.linked) || Boolean(state.place && state.place.status !== "left"),
  onFrame,
  onLink(value) {
    link = value;
    if (value === "reconnecting") setTimeout(() => { if (link === value) say(phrase("said.lost")); }, LOST_AFTER_MS);
    show();
  },
  poll,
});
show();
setInterval(show, 250);
// An order is in the books in no time. One that is not may be lost, and asking for it brings its receipt.
setInterval(() => { if (currentOrder(state)?.status === "HELD") poll().catch(() => {}); }, HELD_LOOK_MS);
if (state.page !== "order" && unanswered(slug)) reserveChosen();
