// Choosing tickets: steppers, the limit, the total. It only knows what was chosen, not what was ordered.

import { counted, money } from "../shared/money.js";
import { $, $$, setText } from "../shared/page.js";
import { mayStillBuy } from "./state.js";

const MAX_PER_SKU = 10;
const basket = new Map();

const chosen = () => [...basket.values()].reduce((sum, n) => sum + n, 0);
export const emptyBasket = () => basket.clear();
export const basketItems = () => [...basket].filter(([, n]) => n > 0).map(([id, quantity]) => ({ id, quantity }));

export function setUpShop(changed) {
  for (const row of $$("[data-sku]")) {
    for (const button of $$("[data-step]", row)) {
      button.addEventListener("click", () => {
        const id = row.dataset.sku;
        basket.set(id, Math.max(0, (basket.get(id) ?? 0) + Number(button.dataset.step)));
        changed();
      });
    }
  }
}

// busy: an order is on its way; unsure: one was sent and no answer came. Nothing may change under either.
// Returns the words of the button.
export function showShop(state, { busy, unsure, open }) {
  const locked = busy || unsure;
  const limit = mayStillBuy(state);
  let total = 0, currency = "USD";
  for (const sku of state.event.skus) {
    const row = $(`[data-sku="${CSS.escape(sku.id)}"]`);
    if (!row) continue;
    const id = String(sku.id);
    const quantity = Math.min(basket.get(id) ?? 0, sku.available, MAX_PER_SKU);
    if (!locked) basket.set(id, quantity);
    setText($("output", row), String(locked ? (basket.get(id) ?? 0) : quantity));
    row.classList.toggle("chosen", quantity > 0);
    const [less, more] = $$("[data-step]", row);
    less.disabled = locked || !open || quantity === 0;
    more.disabled = locked || !open || quantity >= Math.min(sku.available, MAX_PER_SKU) || chosen() >= limit;
    total += quantity * sku.price;
    currency = sku.currency;
  }
  const n = chosen();
  const button = $("[data-action=reserve]");
  button.disabled = busy || (!unsure && (!open || n === 0));
  if (busy) return "Reserving…";
  if (unsure) return "Send it again";
  return n ? `Reserve ${counted(n, "ticket", "tickets")} · ${money(total, currency)}` : limit ? "Choose tickets" : "You have reached the limit";
}
