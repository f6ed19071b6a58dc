// What the buyer's page knows, and how a frame or an answer changes it. Pure: no page, no network, no clock.

const OPEN = ["HELD", "PENDING"];
const BOUGHT = ["CONFIRMED", "PARTIALLY_REFUNDED"];
const COUNTED = [...OPEN, ...BOUGHT, "REVIEW"];
const ENDED = ["EXPIRED", "CANCELED", "REJECTED"];
const ORDER_VIEWS = { CONFIRMED: "confirmed", PARTIALLY_REFUNDED: "confirmed", REVIEW: "review", REFUNDED: "refunded" };

export function reduce(state, frame) {
  switch (frame.type) {
    case "place": {
      const { type, ...place } = frame;
      return { ...state, place };
    }
    case "not_joined":
      return state.place?.status === "left" ? state : { ...state, place: null };
    case "event":
      return { ...state, event: { ...state.event, ...frame.event } };
    case "stock": {
      const known = new Map(frame.skus.map((sku) => [String(sku.id), sku]));
      const skus = (state.event.skus ?? []).map((sku) => ({ ...sku, ...known.get(String(sku.id)) }));
      return { ...state, event: { ...state.event, sale: frame.sale, skus } };
    }
    case "order": {
      const { type, ...order } = frame;
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

export const currentOrder = ({ orders }) => orders.find((o) => OPEN.includes(o.status)) ?? orders[0] ?? null;
export const boughtOrders = ({ orders }) => orders.filter((o) => BOUGHT.includes(o.status));
export const lastCharge = (order) => order?.payments?.filter((p) => p.kind === "CHARGE").at(-1) ?? null;
export const isQueued = ({ place }) => ["lobby", "waiting"].includes(place?.status);
export const isFinal = (order) => !OPEN.includes(order.status) && order.status !== "REVIEW";

export function mayStillBuy({ event, orders }) {
  const has = orders.filter((o) => COUNTED.includes(o.status)).flatMap((o) => o.items);
  return Math.max(0, event.max_per_buyer - has.reduce((sum, item) => sum + item.quantity, 0));
}

// Which one thing the page shows. templates/event.html makes the same choice for the first paint.
export function viewOf(state) {
  const { event, place, page } = state;
  const order = currentOrder(state);
  const where = place?.status;
  if (OPEN.includes(order?.status)) {
    const charge = lastCharge(order)?.status;
    return order.status === "PENDING" && (charge === "PENDING" || (state.returned && !charge)) ? "paying" : "held";
  }
  if (page === "order") return ORDER_VIEWS[order.status] ?? "lapsed";
  if (order?.status === "REVIEW") return "review";
  if (BOUGHT.includes(order?.status) && !isQueued(state) && !state.shopping) return "confirmed";
  if (event.sale === "closed" || event.sale === "paused") return event.sale;
  if (event.sale === "sold_out") {
    const mayShop = where === "admitted" && event.skus.some((sku) => sku.available > 0);
    if (!mayShop && !(state.staying && where === "waiting")) return "sold_out";
  }
  if (isQueued(state) || where === "admitted") return where;
  if (where === "lapsed" || (ENDED.includes(order?.status) && where !== "left")) return "lapsed";
  return "joinable";
}
