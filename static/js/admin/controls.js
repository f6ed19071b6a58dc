// The buttons that change the sale. Each asks first, because everyone in the queue feels it.

import { call, Problem } from "../shared/api.js";
import { $, $$, confirmed, setText } from "../shared/page.js";
import { phrase } from "../shared/phrases.js";

const question = (state) => Object.fromEntries(["title", "text", "yes", "no"].map((part) => [part, phrase(`ask.${state}.${part}`)]));

// Resolves to the organiser's words, or null when they changed their mind.
function askNotice() {
  const dialog = $("#pause");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    resolve(dialog.returnValue === "yes" ? $("textarea", dialog).value.trim() : null);
  }, { once: true }));
}

export function setUpControls(slug, onSnapshot) {
  const problem = $("[data-problem]");
  for (const button of $$("[data-control]")) {
    button.addEventListener("click", async () => {
      const state = button.dataset.control;
      const notice = state === "paused" ? await askNotice() : undefined;
      if (notice === null || (state !== "paused" && !(await confirmed(question(button.dataset.asks ?? state))))) return;
      problem.textContent = "";
      button.disabled = true;
      try {
        onSnapshot(await call("POST", `/api/v1/admin/events/${slug}/state`, { body: { state, ...(notice && { notice }) } }));
      } catch (refusal) {
        if (!(refusal instanceof Problem)) throw refusal;
        problem.textContent = refusal.status === 401 ? phrase("problem.signed_out") : phrase("problem", { detail: refusal.detail ?? phrase("problem.no_answer") });
      } finally {
        button.disabled = false;
      }
    });
  }
}

// Only what can be done from here is offered.
export function showControls({ sale, is_over: isOver }) {
  const offered = { open: ["scheduled", "paused", "closed"].includes(sale) && !isOver, paused: sale === "open" || sale === "sold_out", closed: sale !== "closed" };
  for (const button of $$("[data-control]")) button.hidden = !offered[button.dataset.control];
  const open = $("[data-control=open]");
  open.dataset.asks = sale === "closed" ? "reopen" : "open";
  setText(open, phrase(sale === "scheduled" ? "control.open" : "control.open_again"));
}
