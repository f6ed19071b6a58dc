// What the buyer's page knows, and how a frame or an answer changes it. Pure: no page, no network, no clock.
// What is shown for a state is decided here and, for the first paint, in app/web/view.py:
// tests/cases/views.json holds both to the same.

const OPEN = ["HELD", "PENDING"];
const BOUGHT = ["CONFIRMED", "PARTIALLY_REFUNDED"];
const COUNTED = [...OPEN, ...BOUGHT, "REVIEW"];
const ENDED = ["EXPIRED", "CANCELED", "REJECTED"];
const ORDER_VIEWS = { CONFIRMED: "confirmed", PARTIALLY_REFUNDED: "confirmed", REVIEW: "review", REFUNDED: "refunded" };
const VERY = 2; // so many times more people than tickets make "unlikely" very unlikely

// nowMs: the server's time when the frame came. It says when a paused sale's clock stopped.
export function reduce(state, frame, nowMs) {
  switch (frame.type) {
    case "place": {
      const { type, ...place } = frame;
      return { ...state, place, place_at_ms: nowMs, door: null };
    }
    case "not_joined":
      return state.place?.status === "left" ? state : { ...state, place: null };
    case "event":
      return withEvent(state, frame.event, nowMs);
    case "stock": {
      const known = new Map(frame.skus.map((sku) => [String(sku.id), sku]));
      const skus = (state.event.skus ?? []).map((sku) => ({ ...sku, ...known.get(String(sku.id)) }));
      return withEvent(state, { sale: frame.sale, skus, message: frame.message }, nowMs);
    }
    case "order": {
      const { type, ...fields } = frame;
      const order = { ...fields, at_ms: nowMs };
      const known = state.orders.find((o) => o.order_id === order.order_id);
      if (known && (order.version ?? 0) < (known.version ?? 0)) return state;
      // A frame may overtake the answer to the call that made the order; alone it is too little to show.
      if (!known && (state.page === "order" || !order.items)) return state;
      const orders = known ? state.orders.map((o) => (o === known ? { ...o, ...order } : o)) : [order, ...state.orders];
      return { ...state, orders, shopping: false };
    }
    default:
      return { ...state, ...frame.set };
  }
}

function withEvent(state, event, nowMs) {
  const stops = event.sale === "paused" && state.event.sale !== "paused";
  return { ...state, event: { ...state.event, ...event }, paused_at_ms: stops ? nowMs : state.paused_at_ms };
}

export const currentOrder = ({ orders }) => orders.find((o) => OPEN.includes(o.status)) ?? orders[0] ?? null;
export const boughtOrders = ({ orders }) => orders.filter((o) => BOUGHT.includes(o.status));
export const isOpen = (order) => OPEN.includes(order?.status);
export const isFinal = (order) => !OPEN.includes(order.status) && order.status !== "REVIEW";
export const isQueued = ({ place }) => ["lobby", "waiting"].includes(place?.status);
export const charges = (order) => order?.payments?.filter((p) => p.kind === "CHARGE") ?? [];
export const isDeposited = (order) => Boolean(order?.instalments?.[0]?.paid);
export const isPaid = (order) => charges(order).some((p) => p.status === "COMPLETED");

const sum = (things, field) => things.reduce((total, thing) => total + (thing[field] ?? 0), 0);
export const ticketsLeft = ({ event }) => sum(event.skus ?? [], "available");
export const ticketsHeld = ({ event }) => sum(event.skus ?? [], "held");

export function mayStillBuy({ event, orders }) {
  const has = orders.filter((o) => COUNTED.includes(o.status)).flatMap((o) => o.items);
  return Math.max(0, event.max_per_buyer - sum(has, "quantity"));
}

// A kind of ticket may have a limit and a time of its own. Without them, comparing says nothing against it.
export const isOnSale = (sku, nowMs) => !(nowMs < Date.parse(sku.sells_from) || nowMs >= Date.parse(sku.sells_until));
export function mayStillBuyOf(sku, { orders }) {
  const has = orders.filter((o) => COUNTED.includes(o.status)).flatMap((o) => o.items).filter((item) => item.sku_id === sku.id);
  return Math.max(0, (sku.max_per_buyer ?? Infinity) - sum(has, "quantity"));
}

// Whether nothing is left to choose, but something that others hold may come back.
export const allInBaskets = (state) => ["open", "paused"].includes(state.event.sale) && !ticketsLeft(state) && ticketsHeld(state) > 0;

// What is left against who is ahead: likely | possible | unlikely | very_unlikely | baskets | baskets_unlikely | sold_out.
export function chanceOf(state) {
  const ahead = state.place?.position ?? 0;
  const left = ticketsLeft(state);
  if (allInBaskets(state)) return ahead >= ticketsHeld(state) ? "baskets_unlikely" : "baskets";
  if (!left) return "sold_out";
  if (ahead >= left * VERY) return "very_unlikely";
  if (ahead >= left) return "unlikely";
  return ahead * state.event.max_per_buyer < left ? "likely" : "possible";
}

// Which one thing the page shows.
export function viewOf(state) {
  const { event, place, page } = state;
  const order = currentOrder(state);
  const where = place?.status;
  if (isOpen(order)) {
    const charge = charges(order).at(-1)?.status;
    return order.status === "PENDING" && (charge === "PENDING" || (state.returned && !charge)) ? "paying" : "held";
  }
  if (page === "order") return ORDER_VIEWS[order.status] ?? "lapsed";
  if (state.door) return "door";
  if (order?.status === "REVIEW") return "review";
  if (BOUGHT.includes(order?.status) && !isQueued(state) && !state.shopping) return "confirmed";
  if (event.sale === "closed" || event.sale === "paused") return event.sale;
  if (event.sale === "sold_out") {
    const mayShop = where === "admitted" && ticketsLeft(state) > 0;
    if (!mayShop && !(state.staying && where === "waiting")) return "sold_out";
  }
  if (isQueued(state) || where === "admitted") return where;
  if (where === "lapsed" || (ENDED.includes(order?.status) && where !== "left")) return "lapsed";
  return "joinable";
}
