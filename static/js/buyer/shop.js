// Choosing tickets: steppers, the limit, the total. It only knows what was chosen, not what was ordered.
// The basket outlives a reload; a kind of ticket that runs out is taken from it, and its row says so.

import { money } from "../shared/money.js";
import { $, $$, say, setText } from "../shared/page.js";
import { phrase } from "../shared/phrases.js";
import { serverNowMs } from "../shared/time.js";
import { isOnSale, mayStillBuy, mayStillBuyOf } from "./state.js";

const MAX_PER_SKU = 10;
const lost = new Map(); // what became of a kind that ran out, until it is chosen again
let basket = new Map();
let key = "";

const chosen = () => [...basket.values()].reduce((sum, n) => sum + n, 0);
const put = (id, quantity) => {
  if ((basket.get(id) ?? 0) === quantity) return;
  basket.set(id, quantity);
  sessionStorage.setItem(key, JSON.stringify([...basket]));
};
const isOff = (button) => button.getAttribute("aria-disabled") === "true";
// Not `disabled`: that would take the focus away from whoever reaches the limit by keyboard.
const switchOff = (button, off) => button.setAttribute("aria-disabled", off);

export const basketItems = () => [...basket].filter(([, n]) => n > 0).map(([id, quantity]) => ({ id, quantity }));
export function emptyBasket() {
  basket.clear();
  lost.clear();
  sessionStorage.removeItem(key);
}

export function setUpShop(event, changed) {
  key = `tc:basket:${event.slug}`;
  basket = new Map(JSON.parse(sessionStorage.getItem(key) ?? "[]"));
  for (const row of $$("[data-sku]")) {
    const { sku: id } = row.dataset;
    for (const button of $$("[data-step]", row)) {
      button.addEventListener("click", () => {
        if (isOff(button)) return;
        lost.delete(id);
        put(id, (basket.get(id) ?? 0) + Number(button.dataset.step));
        changed();
        const sku = event.skus.find((one) => String(one.id) === id);
        say(phrase("basket.said", { n: basket.get(id), name: sku.name, total: money(totalOf(event.skus), sku.currency) }));
      });
    }
  }
}

const totalOf = (skus) => skus.reduce((sum, sku) => sum + (basket.get(String(sku.id)) ?? 0) * sku.price, 0);

// As many of a kind as there are, and as its own rules allow.
const mostOf = (sku, state) => (isOnSale(sku, serverNowMs()) ? Math.min(sku.available, MAX_PER_SKU, mayStillBuyOf(sku, state)) : 0);

// busy: an order is on its way; unsure: one was sent and no answer came. Nothing may change under either.
// Returns the words of the button.
export function showShop(state, { busy, unsure, open }) {
  const locked = busy || unsure;
  const limit = mayStillBuy(state);
  const { skus } = state.event;
  for (const sku of locked ? [] : skus) {
    const id = String(sku.id);
    const wanted = basket.get(id) ?? 0;
    const most = Math.max(0, Math.min(mostOf(sku, state), limit - (chosen() - wanted)));
    if (wanted <= most) continue;
    if (sku.available < wanted) lost.set(id, sku.available ? phrase("basket.fewer", { n: sku.available }) : phrase("basket.gone"));
    put(id, most);
    if (lost.has(id)) say(`${sku.name}: ${lost.get(id)}`);
  }
  for (const sku of skus) {
    const row = $(`[data-sku="${CSS.escape(sku.id)}"]`);
    if (!row) continue;
    const quantity = basket.get(String(sku.id)) ?? 0;
    setText($("output", row), String(quantity));
    setText($("[data-lost]", row), lost.get(String(sku.id)) ?? "");
    row.classList.toggle("chosen", quantity > 0);
    const [less, more] = $$("[data-step]", row);
    switchOff(less, locked || !open || quantity === 0);
    switchOff(more, locked || !open || quantity >= mostOf(sku, state) || chosen() >= limit);
  }
  const n = chosen();
  const button = $("[data-action=reserve]");
  button.disabled = busy || (!unsure && (!open || n === 0));
  if (busy) return phrase("reserve.busy");
  if (unsure) return phrase("reserve.again");
  return n ? phrase("reserve", { n, total: money(totalOf(skus), skus[0].currency) }) : phrase(limit ? "reserve.none" : "reserve.limit");
}
