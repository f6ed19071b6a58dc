// The wall: big figures of one sale, kept true for as long as its link is good. It only shows.

import { call } from "../shared/api.js";
import { bar } from "../admin/bar.js";
import { keepLive } from "../shared/live.js";
import { money } from "../shared/money.js";
import { $, setSlots, setText } from "../shared/page.js";
import { count, learn, phrase } from "../shared/phrases.js";
import { clock, learnServerTime, serverNowMs, span } from "../shared/time.js";
import catalogue from "./catalogue.js";

learn(catalogue);
let wall = JSON.parse($("#state").textContent);
let link = "connecting";
let live = null;

function take(next) {
  if (next.skus.some((sku) => !row(sku))) return location.reload(); // a kind was added: the server draws it
  wall = next;
  learnServerTime(next.server_now);
  show();
}

const row = (sku) => $(`[data-sku="${CSS.escape(sku.id)}"]`);

function show() {
  const { sale } = wall;
  const opensInMs = Date.parse(wall.opens_at) - serverNowMs();
  const before = sale === "scheduled";
  setSlots({
    sale: before && opensInMs > 0 ? phrase("wall.opens_in", { left: clock(opensInMs) }) : phrase(`sale.${sale}`),
    sold: count(wall.sold), of: phrase("wall.of", { n: wall.capacity }),
    waiting: count(before ? wall.lobby : wall.waiting), waiting_words: phrase(before ? "wall.lobby" : "wall.waiting"),
    inside: count(wall.inside), held: count(wall.held), let_in: count(wall.let_in),
    taken: wall.taken === null ? "" : money(wall.taken, wall.currency),
    link: link === "refused" ? phrase("wall.ended") : link === "reconnecting" ? phrase("link.reconnecting", { age: span(live?.ageMs() ?? 0) }) : phrase(`link.${link}`),
  });
  $("main").dataset.state = $("[data-sale]").dataset.sale = sale;
  $("[data-link]").dataset.link = link;
  $(".giant").dataset.long = count(wall.sold).length;
  bar($("[data-whole] svg"), wall);
  for (const sku of wall.skus) {
    bar($("svg", row(sku)), sku);
    setText($("[data-kind]", row(sku)), phrase("wall.kind", { sold: count(sku.sold), capacity: count(sku.capacity) }));
  }
  document.title = `${count(wall.sold)} of ${count(wall.capacity)} · ${wall.name}`;
}

// A screen that goes dark shows nothing.
const stayAwake = () => navigator.wakeLock?.request("screen").catch(() => {});
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") stayAwake(); });

const full = $("[data-full]");
full.hidden = !document.fullscreenEnabled;
full.addEventListener("click", () => document.documentElement.requestFullscreen().catch(() => {}));
document.addEventListener("fullscreenchange", () => { full.hidden = Boolean(document.fullscreenElement); });

live = keepLive({
  path: `/ws/wall/${wall.slug}${location.search}`,
  withSocket: true,
  onFrame(frame) {
    if (frame.type === "wall") take(frame);
  },
  onLink(value) {
    link = value;
    show();
  },
  async poll() {
    take(await call("GET", `/api/v1/events/${wall.slug}/wall${location.search}`));
    return 2_000;
  },
});
stayAwake();
setInterval(show, 1000);
