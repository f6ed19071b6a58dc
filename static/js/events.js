// The list of sales: times in the reader's own zone.
import { dayAndHour } from "./time.js";

for (const time of document.querySelectorAll("time[data-at]")) time.textContent = dayAndHour(time.dataset.at);
