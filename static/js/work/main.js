// The proof of work that a sale may ask of those who join: ALTCHA's widget, with its worker from our own address and
// with our words, under its own names for them.

import "../altcha/altcha.js";
import catalogue from "./catalogue.js";

const { work } = document.querySelector("[data-work]").dataset;
globalThis.$altcha.i18n.set(document.documentElement.lang.toLowerCase(), catalogue);
globalThis.$altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(work));
