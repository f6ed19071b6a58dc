// The last ten minutes as this page saw them: samples, flows and projections. Pure but for keep/recall.

const WINDOW_MS = 600_000;
const STAGES = ["lobby", "waiting", "admitted", "holding", "paid", "refunded"];

export function sampleOf(snapshot) {
  return {
    at: Date.parse(snapshot.server_now),
    ...Object.fromEntries(STAGES.map((stage) => [stage, snapshot.funnel[stage]])),
    passed: snapshot.passed,
    sold: Object.fromEntries(snapshot.skus.map((sku) => [sku.id, sku.sold])),
  };
}

export function add(history, sample) {
  const last = history.at(-1);
  if (last && sample.at <= last.at) return history;
  return [...history, sample].filter(({ at }) => at > sample.at - WINDOW_MS);
}

const before = (history, ms) => history.find(({ at }) => at >= history.at(-1).at - ms) ?? history[0];

// How many came into a stage per minute, whatever left it meanwhile, or null while too little was seen.
export function flowPerMinute(history, stage) {
  if (history.length < 2) return null;
  const from = before(history, 60_000), to = history.at(-1);
  const ms = to.at - from.at;
  return ms < 5_000 ? null : Math.max(0, Math.round(((to.passed[stage] - from.passed[stage]) * 60_000) / ms));
}

// When a sku sells out if it goes on as in the last two minutes, in ms since 1970; null if nothing was sold
// in them, undefined while too little was seen.
export function soldOutAt(history, sku) {
  if (history.length < 2) return undefined;
  const from = before(history, 120_000), to = history.at(-1);
  const gone = (to.sold[sku.id] ?? 0) - (from.sold[sku.id] ?? 0);
  const ms = to.at - from.at;
  const remaining = sku.capacity - sku.sold;
  if (ms < 5_000) return undefined;
  return gone <= 0 || remaining <= 0 ? null : to.at + (remaining / gone) * ms;
}

// What the server remembers of the sale, as samples like ours.
export const recalled = ({ points }) => points.map(({ at, figures }) => ({ at: Date.parse(at), ...figures }));

// The server's samples and then our own, from a time on: what a chart of the whole sale is drawn from.
export function joined(past, recent, windowMs) {
  const first = recent[0]?.at ?? Infinity;
  const all = [...past.filter(({ at }) => at < first), ...recent];
  const from = all.at(-1).at - windowMs;
  const inside = all.findIndex(({ at }) => at >= from);
  return inside > 0 ? [{ ...all[inside - 1], at: from }, ...all.slice(inside)] : all;
}

export const keep = (key, history) => sessionStorage.setItem(key, JSON.stringify(history));
export const recall = (key) => JSON.parse(sessionStorage.getItem(key) ?? "[]").filter((sample) => sample.passed);
export { STAGES, WINDOW_MS };
