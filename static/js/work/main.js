// The proof of work that a sale may ask of those who join: ALTCHA's widget, with its worker from our own address.

import "../altcha/altcha.js";

const { work } = document.querySelector("[data-work]").dataset;
globalThis.$altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(work));
