// The dashboard's drawings, as SVG built from numbers.

import { STAGES, WINDOW_MS } from "./history.js";

const SVG = "http://www.w3.org/2000/svg";

function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

export function sparkline(svg, history, stage) {
  const now = history.at(-1).at;
  const most = Math.max(1, ...history.map((s) => s[stage]));
  const points = history.map((s) => [100 - ((now - s.at) / WINDOW_MS) * 100, 23 - (s[stage] / most) * 22]);
  svg.replaceChildren(draw("path", { d: path([[points[0][0], 24], ...points, [100, 24]]), class: "under" }), draw("path", { d: path(points), class: "line" }));
}

// One ribbon through all stages, as high as the root of each count: where it narrows shows.
export function funnel(svg, counts) {
  const most = Math.max(1, ...STAGES.map((stage) => counts[stage]));
  const half = (stage) => Math.max(0.6, 48 * Math.sqrt(counts[stage] / most));
  const top = [], bottom = [];
  STAGES.forEach((stage, i) => {
    for (const x of [i * 100, i * 100 + 74]) {
      top.push([x, 50 - half(stage)]);
      bottom.unshift([x, 50 + half(stage)]);
    }
  });
  svg.replaceChildren(
    draw("path", { d: `${path([...top, ...bottom])}Z`, class: "flow" }),
    ...STAGES.map((stage, i) => draw("rect", { x: i * 100, y: 50 - half(stage), width: 74, height: half(stage) * 2, class: `stage stage-${stage}` })),
  );
}

const MARKS = [
  (x, y) => ["circle", { cx: x, cy: y, r: 4.5 }],
  (x, y) => ["rect", { x: x - 4, y: y - 4, width: 8, height: 8 }],
  (x, y) => ["path", { d: `M${x} ${y - 5.5}l5.2 9.5h-10.4z` }],
  (x, y) => ["path", { d: `M${x} ${y - 6}l6 6-6 6-6-6z` }],
];
const mark = (i, x, y) => {
  const [name, attributes] = MARKS[i % MARKS.length](x, y);
  return draw(name, { ...attributes, class: `mark series-${i % 6}` });
};
export const legendMark = (svg, i) => svg.replaceChildren(mark(i, 7, 7));

// Sold share of each sku over time, going on dashed to where it would be sold out.
export function sellThrough(svg, history, skus, outAt) {
  const [width, height] = [svg.clientWidth || 600, svg.clientHeight || 220];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const now = history.at(-1).at;
  const from = Math.min(history[0].at, now - 60_000);
  const until = Math.min(now + (now - from), Math.max(now + (now - from) * 0.15, ...outAt.filter(Boolean)));
  const x = (at) => 1 + ((at - from) / (until - from)) * (width - 42);
  const y = (share) => height - 8 - share * (height - 18);
  const parts = [0, 0.5, 1].flatMap((share) => [
    draw("path", { d: `M0 ${y(share)}H${width - 40}`, class: "grid" }),
    draw("text", { x: width, y: y(share) + 4, "text-anchor": "end" }, `${share * 100}%`),
  ]);
  parts.push(draw("path", { d: `M${x(now)} ${y(0)}V${y(1)}`, class: "grid now" }));
  skus.forEach((sku, i) => {
    const share = sku.capacity ? sku.sold / sku.capacity : 0;
    const points = history.map((s) => [x(s.at), y((s.sold[sku.id] ?? 0) / (sku.capacity || 1))]);
    parts.push(draw("path", { d: path(points), class: `line series-${i % 6}` }));
    if (outAt[i]) {
      const end = Math.min(outAt[i], until);
      const reached = share + ((1 - share) * (end - now)) / (outAt[i] - now);
      parts.push(draw("path", { d: path([[x(now), y(share)], [x(end), y(reached)]]), class: `line ahead series-${i % 6}` }));
    }
    parts.push(mark(i, x(now), y(share)));
  });
  svg.replaceChildren(...parts);
  return { from, now, until };
}
