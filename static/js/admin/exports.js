// Exports with their progress: read as they come, and kept when they are whole. Without scripts the links do it.

import { $, $$, localTimes } from "../shared/page.js";
import { count, learn, phrase } from "../shared/phrases.js";
import catalogue from "./catalogue.js";

learn(catalogue);
localTimes();

const LINE = 10;
const SHOWN_EVERY_MS = 200;

function show(name, rows, expected) {
  const bar = $("progress");
  if (expected) Object.assign(bar, { max: expected, value: Math.min(rows, expected) });
  else bar.removeAttribute("value");
  $("[data-export-words]").textContent = expected
    ? phrase("export.of", { name, rows: count(rows), all: count(expected) })
    : phrase("export.so_far", { name, rows: count(rows) });
}

function linesIn(bytes) {
  let lines = 0;
  for (let at = bytes.indexOf(LINE); at >= 0; at = bytes.indexOf(LINE, at + 1)) lines += 1;
  return lines;
}

function keep(parts, type, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob(parts, { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function fetchAll(address, name) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.statusText);
  const expected = Number(answer.headers.get("Export-Rows"));
  const parts = [];
  let rows = name.endsWith(".csv") ? -1 : 0; // its first line names the columns
  let shownAt = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    rows += linesIn(value);
    if (performance.now() - shownAt > SHOWN_EVERY_MS) {
      shownAt = performance.now();
      show(name, Math.max(rows, 0), expected);
    }
  }
  keep(parts, answer.headers.get("Content-Type"), name);
  return rows;
}

for (const link of $$("[data-export]")) {
  link.addEventListener("click", async (clicked) => {
    clicked.preventDefault();
    const name = link.pathname.split("/").pop();
    const words = $("[data-export-words]");
    $("[data-export-progress]").hidden = false;
    show(name, 0, 0);
    try {
      const rows = await fetchAll(link.href, name);
      Object.assign($("progress"), { max: 1, value: 1 });
      words.textContent = phrase("export.done", { name, rows: count(rows) });
    } catch {
      $("progress").value = 0;
      words.textContent = phrase("export.failed", { name });
    }
  });
}
