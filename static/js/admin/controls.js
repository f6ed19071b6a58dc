// The buttons that change the sale. Each asks first, because everyone in the queue feels it.

import { call, Problem } from "../shared/api.js";
import { $, $$, confirmed } from "../shared/page.js";

const QUESTIONS = {
  open: { title: "Open the sale?", text: "People in the queue are let in at once.", yes: "Open", no: "Not now" },
  closed: { title: "Close the sale for good?", text: "Nobody can reserve any more. Tickets that are held can still be paid.", yes: "Close the sale", no: "Keep it open" },
};

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
      if (notice === null || (state !== "paused" && !(await confirmed(QUESTIONS[state])))) return;
      problem.textContent = "";
      button.disabled = true;
      try {
        onSnapshot(await call("POST", `/api/v1/admin/events/${slug}/state`, { body: { state, ...(notice && { notice }) } }));
      } catch (refusal) {
        if (!(refusal instanceof Problem)) throw refusal;
        problem.textContent = refusal.status === 401 ? "You are signed out. Reload the page and sign in again." : `Not changed. ${refusal.detail ?? "No answer came: try again."}`;
      } finally {
        button.disabled = false;
      }
    });
  }
}

// Only what can be done from here is offered.
export function showControls(sale) {
  const offered = { open: sale === "scheduled" || sale === "paused", paused: sale === "open" || sale === "sold_out", closed: sale !== "closed" };
  for (const button of $$("[data-control]")) button.hidden = !offered[button.dataset.control];
}
