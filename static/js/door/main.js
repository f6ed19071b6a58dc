// The door: reads a ticket, says whether it comes in. Without a network it goes by signature and by what was let in
// here, and tells the shop later; what the shop then refuses is shown.

import catalogue from "./catalogue.js";
import { watch } from "./camera.js";
import { read } from "./code.js";
import { Store } from "./store.js";
import { call, Problem } from "../shared/api.js";
import { $, setRows, setText } from "../shared/page.js";
import { learn, phrase } from "../shared/phrases.js";
import { hourOf } from "../shared/time.js";

const SYNC_MS = 4_000;
const SAME_AGAIN_MS = 4_000; // a code that stays before the camera is one scan

learn(catalogue);
const { event, keys } = JSON.parse($("#state").textContent);
const names = new Map(event.skus.map((sku) => [sku.id, sku.name]));
const store = new Store(event.slug);
const settings = { key: "", gate: "", ...JSON.parse(localStorage.getItem("tc:door") ?? "{}") };
let last = { code: "", at: 0 };
let syncing = null;
let stopCamera = null;

// One of: yes, offline, used, void, unknown, other, key, trouble.
function show(result, figures = {}) {
  const panel = $("[data-result]");
  panel.dataset.result = result;
  setText($("[data-title]"), phrase(`door.${result}`));
  setText($("[data-words]"), phrase(`door.${result}.words`, figures));
  navigator.vibrate?.(result === "yes" || result === "offline" ? 80 : [200, 80, 200]);
}

const send = ({ code, scanId, at }, late) => call("POST", `/api/v1/tickets/${code}/use`, {
  body: { gate: settings.gate || phrase("door.gate"), event: event.slug, ...(late ? { at } : {}) },
  headers: { "Idempotency-Key": scanId, ...(settings.key ? { Authorization: `Bearer ${settings.key}` } : {}) },
});

const isRefusal = (problem) => [404, 409, 410, 422].includes(problem.status);
const resultOf = (problem) => ({ already_used: "used", void: "void" })[problem.code] ?? "unknown";
const whenAndWhere = ({ more }) => (more.used_at ? { at: hourOf(more.used_at), gate: more.gate } : { at: "", gate: "" });

async function scan(text) {
  const now = Date.now();
  const code = text.trim().toUpperCase();
  if (!code || (code === last.code && now - last.at < SAME_AGAIN_MS)) return;
  last = { code, at: now };
  const claim = await read(code, keys);
  if (!claim) return show("unknown");
  const name = names.get(claim.skuId);
  if (claim.eventId !== event.id || !name) return show("other");
  const known = store.get(claim.ticketId);
  if (known) return show("used", { at: hourOf(known.at), gate: phrase("door.here") });
  const entry = { scanId: crypto.randomUUID(), code: claim.code, skuId: claim.skuId, at: new Date(now).toISOString(), sent: false };
  store.put(claim.ticketId, entry);
  try {
    await send(entry, false);
    store.put(claim.ticketId, { ...entry, sent: true });
    show("yes", { name });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (isRefusal(problem)) {
      store.drop(claim.ticketId);
      show(resultOf(problem), whenAndWhere(problem));
    } else if (problem.status === 401 || problem.status === 403) {
      store.drop(claim.ticketId);
      show("key");
    } else {
      show("offline", { name }); // it waits in the store
    }
  }
  showStore();
}

async function sync() {
  for (const [ticketId, entry] of store.waiting) {
    try {
      await send(entry, true);
      store.put(ticketId, { ...entry, sent: true });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!isRefusal(problem)) return;
      store.put(ticketId, { ...entry, sent: true, problem: { result: resultOf(problem), ...whenAndWhere(problem) } });
    }
  }
}

function syncSoon() {
  syncing ??= sync().finally(() => { syncing = null; showStore(); });
}

function showStore() {
  const waiting = store.waiting.length;
  setText($("[data-waiting]"), waiting ? phrase("door.waiting", { n: waiting }) : phrase("door.sent"));
  $("[data-waiting]").dataset.late = String(waiting > 0);
  const conflicts = store.conflicts;
  $("[data-conflicts]").hidden = !conflicts.length;
  setRows($("[data-conflicts] ul"), "conflict-row", conflicts.map(([, entry]) => [
    phrase("door.conflict", { name: names.get(entry.skuId), at: hourOf(entry.at) }),
    phrase(`door.${entry.problem.result}.words`, entry.problem),
  ]));
}

$("[data-scan]").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const field = $("[data-code]");
  const text = field.value;
  field.value = "";
  last = { code: "", at: 0 };
  await scan(text);
});
for (const name of ["key", "gate"]) {
  const field = $(`[data-setting=${name}]`);
  field.value = settings[name];
  field.addEventListener("change", () => {
    settings[name] = field.value.trim();
    localStorage.setItem("tc:door", JSON.stringify(settings));
    syncSoon();
  });
}
$("[data-camera]").addEventListener("click", async () => {
  const video = $("video");
  try {
    if (stopCamera) stopCamera();
    stopCamera = stopCamera ? null : await watch(video, scan);
  } catch {
    show("trouble");
  }
  video.hidden = !stopCamera;
  setText($("[data-camera]"), phrase(stopCamera ? "door.camera.stop" : "door.camera.start"));
});

// The page itself is kept for when there is no network: see app/web/door.py.
navigator.serviceWorker?.register("/door/worker.js", { scope: "/door/" }).catch(() => {});
addEventListener("online", syncSoon);
setInterval(() => { if (store.waiting.length) syncSoon(); }, SYNC_MS);
showStore();
syncSoon();
