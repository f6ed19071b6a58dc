// Forms that call the API: the names and kinds of their fields make the body, and what was not changed is not sent.

import { call, Problem } from "../shared/api.js";
import { $, $$, confirmed, localTimes } from "../shared/page.js";
import { learn, phrase } from "../shared/phrases.js";
import catalogue from "./catalogue.js";

learn(catalogue);
localTimes();

const minor = (text) => Math.round(Number(text) * 100);
const KINDS = {
  text: (text) => text.trim(),
  words: (text) => text.trim() || null,
  whole: Number,
  optional: (text) => (text === "" ? null : Number(text)),
  percent: Number,
  money: minor,
  list: (text) => text.split(" "),
  "optional-money": (text) => (text === "" ? undefined : minor(text)),
  time: (text) => (text ? `${text}Z` : null),
};
const OTHERWISE = { // what is not in a control's value
  check: (control) => control.checked,
  chosen: (control) => $$("input:checked", control).map((box) => box.value),
};
const valueOf = (control) => OTHERWISE[control.dataset.kind]?.(control) ?? KINDS[control.dataset.kind](control.value);
const controls = (root) => $$("[data-kind]", root).filter((control) => !control.disabled);
const isChanged = (control) => !("was" in control.dataset) || control.dataset.was !== control.value;
// Of a row what is left empty is not sent, unless it was something that there need not be.
const isLeft = (control) => control.value !== "" || (control.dataset.was && ["optional", "time"].includes(control.dataset.kind));
const changes = (form) => form.dataset.api.startsWith("PATCH");

function bodyOf(form) {
  const body = JSON.parse(form.dataset.body ?? "{}");
  for (const control of controls(form)) {
    if (control.closest("[data-row]") || (changes(form) && !isChanged(control))) continue;
    if (control.dataset.kind === "each") {
      if (control.checked) body[control.name].push(control.value);
      continue;
    }
    const value = valueOf(control);
    if (value !== undefined && !(value === null && !changes(form))) body[control.name] = value;
  }
  for (const row of $$("[data-row]", form)) {
    const chosen = controls(row).filter((control) => ("always" in control.dataset || isChanged(control)) && isLeft(control));
    if (!chosen.length) continue;
    const line = Object.fromEntries(chosen.map((control) => [control.dataset.as, valueOf(control)]));
    (body[row.dataset.row] ??= []).push({ ...(row.dataset.id && { id: Number(row.dataset.id) }), ...line });
  }
  return body;
}

const labelOf = (control) => $(`label[for="${CSS.escape(control.id)}"]`)?.textContent ?? control.name;

// What a change comes to, in words: asked before it is made.
const summary = (form) => controls(form).filter((control) => "was" in control.dataset && isChanged(control))
  .map((control) => `${labelOf(control)}: ${control.dataset.was || "–"} → ${control.value || "–"}`).join(". ");

async function isMeant(form) {
  const name = form.dataset.ask;
  if (!name) return true;
  const [title, text, yes, no] = ["title", "text", "yes", "no"].map((part) => phrase(`ask.${name}.${part}`));
  return confirmed({ title, text: changes(form) ? summary(form) || text : text, yes, no });
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Somebody else was first: what they changed is shown, what was typed here stays.
function showDifferences(form, event) {
  form.dataset.revision = event.revision;
  const lines = controls(form).flatMap((control) => {
    const row = control.closest("[data-row]");
    const now = row ? event.skus.find((sku) => String(sku.id) === row.dataset.id)?.[control.dataset.as] : event[control.name];
    if (now === undefined) return [];
    const text = control.dataset.kind === "money" ? (now / 100).toFixed(2) : control.dataset.kind === "time" ? (now ?? "").slice(0, 16) : String(now ?? "");
    if (text === control.dataset.was) return [];
    const line = `${labelOf(control)}: ${control.dataset.was || "–"} → ${text || "–"}`;
    if (!isChanged(control)) control.value = text;
    control.dataset.was = text;
    return [line];
  });
  $("[data-differences]", form).replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
}

// What is shown this once, in place of the form that asked for it.
function reveal(form, text) {
  const box = $("[data-revealed]", form);
  $("code", box).textContent = [text].flat().join("\n");
  for (const part of form.children) part.hidden = part !== box && part.tagName !== "H2";
  box.hidden = false;
  $("a", box).focus();
}

function settle(form, answer) {
  for (const control of controls(form)) if ("was" in control.dataset) control.dataset.was = control.value;
  if (answer?.revision) form.dataset.revision = answer.revision;
  const hints = $("[data-hints]");
  if (hints && answer?.hints) hints.replaceChildren(...answer.hints.map((hint) => Object.assign(document.createElement("li"), { textContent: hint })));
  if ("reveals" in form.dataset) return reveal(form, answer[form.dataset.reveals]);
  $("[data-done]", form).textContent = phrase(form.dataset.says ?? "form.done");
}

// The same key for as long as the same is sent and nothing was answered.
function keyOf(form, said) {
  if (form.dataset.said !== said) Object.assign(form.dataset, { said, key: randomKey() });
  return form.dataset.key;
}

async function send(form) {
  const [method, path] = form.dataset.api.split(" ");
  const headers = {};
  if (form.dataset.revision) headers["If-Match"] = `"${form.dataset.revision}"`;
  const file = $("[data-file]", form);
  if (file && file.files[0].size > Number(file.dataset.most)) throw new Problem(413, { code: "too_large", detail: phrase("file.too_large") });
  const body = file ? file.files[0] : method === "DELETE" ? undefined : bodyOf(form);
  if ("once" in form.dataset) headers["Idempotency-Key"] = keyOf(form, JSON.stringify(body));
  const answer = await call(method, path, { body, headers });
  delete form.dataset.said;
  const then = form.dataset.then;
  if (then === "reload") location.reload();
  else if (then) location.assign(then.replace("{slug}", answer?.slug));
  else if (changes(form) && String(answer.skus.map((sku) => sku.id)) !== String($$("[data-row][data-id]", form).map((row) => row.dataset.id))) location.reload(); // listed otherwise
  else settle(form, answer);
}

// What the server says of one field ("rest_due_days: from 1 to 365") stands at the field.
function showAtField(form, detail) {
  const [, name, words] = detail.match(/^(\w+): (.)/s) ?? [];
  const control = name && controls(form).find((one) => one.name === name);
  if (!control) return false;
  control.setAttribute("aria-invalid", "true");
  const line = Object.assign(document.createElement("p"), { className: "problem", textContent: phrase("problem", { detail: `${words.toUpperCase()}${detail.slice(name.length + 3)}.` }) });
  line.dataset.atField = "";
  line.setAttribute("role", "alert");
  control.after(line);
  control.focus();
  return true;
}

function clear(form) {
  for (const name of ["problem", "done"]) $(`[data-${name}]`, form).textContent = "";
  for (const line of $$("[data-at-field]", form)) line.remove();
  for (const control of $$("[aria-invalid]", form)) control.removeAttribute("aria-invalid");
  $("[data-differences]", form).replaceChildren();
}

for (const form of $$("form[data-api]")) {
  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    const button = $("button:not([type=button])", form);
    const problem = $("[data-problem]", form);
    clear(form);
    if (!(await isMeant(form))) return;
    button.disabled = true;
    try {
      await send(form);
    } catch (refusal) {
      if (!(refusal instanceof Problem)) throw refusal;
      if (refusal.code === "changed") showDifferences(form, refusal.more.event);
      if (refusal.code === "invalid" && showAtField(form, refusal.detail)) return;
      problem.textContent = refusal.status === 401 ? phrase("problem.signed_out") : phrase("problem", { detail: refusal.detail ?? phrase("problem.no_answer") });
    } finally {
      button.disabled = false;
    }
  });
}
