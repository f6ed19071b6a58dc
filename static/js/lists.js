// The lists of sales: times in the reader's own zone.
import { localTimes } from "./shared/page.js";

localTimes();
