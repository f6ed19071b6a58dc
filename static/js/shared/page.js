// Copies words onto the page. Everything goes in as text, never as markup.

import { count } from "./phrases.js";
import { dayAndHour } from "./time.js";

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const ROLL_MS = 200;

export function setText(element, text) {
  if (element.dataset.text === text) return;
  const known = element.dataset.text ?? element.textContent.trim();
  element.dataset.text = text;
  if ("fit" in element.dataset) element.classList.toggle("figure-long", text.length > 5);
  if (known === text) return;
  if ("roll" in element.dataset && !calm.matches && document.visibilityState === "visible") roll(element, known, text);
  else element.textContent = text;
}

// Whole numbers run to their new value; the last step writes the exact text.
function roll(element, from, to) {
  const [a, b] = [from, to].map((text) => Number(text.replace(/,/g, "") || NaN));
  if (Number.isNaN(a + b)) {
    element.textContent = to; // a word, not a number
    return;
  }
  const start = performance.now();
  const step = (now) => {
    if (element.dataset.text !== to) return;
    const t = Math.min(1, (now - start) / ROLL_MS);
    element.textContent = t < 1 ? count(Math.round(a + (b - a) * (1 - (1 - t) ** 3))) : to;
    if (t < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

export function setSlots(slots) {
  for (const element of $$("[data-slot]")) {
    const text = slots[element.dataset.slot];
    if (text !== undefined) setText(element, text);
  }
}

export function setFlags(flags) {
  for (const element of $$("[data-if]")) element.hidden = !flags[element.dataset.if];
}

// Rows from a <template>: each row is a list of texts for the template's children.
export function setRows(container, templateId, rows) {
  const key = JSON.stringify(rows);
  if (container.dataset.key === key) return;
  container.dataset.key = key;
  const template = document.getElementById(templateId).content.firstElementChild;
  container.replaceChildren(...rows.map((texts) => {
    const row = template.cloneNode(true);
    texts.forEach((text, i) => { row.children[i].textContent = text; });
    return row;
  }));
}

// One view at a time. Focus follows only when it would otherwise be lost with the old view.
export function showView(view) {
  const main = $("main");
  const changed = main.dataset.state !== view;
  const old = changed && $(`[data-view="${main.dataset.state}"]`);
  const lost = old && (old.contains(document.activeElement) || document.activeElement === document.body);
  for (const section of $$("[data-view]")) section.hidden = section.dataset.view !== view;
  main.dataset.state = view;
  if (lost) {
    scrollTo({ top: 0 });
    $(`[data-view="${view}"] h2`)?.focus({ preventScroll: true });
  }
  return changed;
}

// Times are in UTC in the page as served; here they become the reader's own.
export function localTimes() {
  for (const time of $$("time[data-at]")) time.textContent = dayAndHour(time.dataset.at);
}

export function say(text) {
  const region = $("#announce");
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 100);
}

export function showProblem(text) {
  for (const element of $$("[data-problem]")) element.textContent = element.closest("[hidden]") ? "" : text;
}

// Resolves to true when the person means it.
export function confirmed({ title, text, yes, no }) {
  const dialog = $("#confirm");
  $("h2", dialog).textContent = title;
  $("p", dialog).textContent = text;
  $("[value=yes]", dialog).textContent = yes;
  $("[value=no]", dialog).textContent = no;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
