// The lists of sales and tickets: times in the reader's own zone.

import catalogue from "./catalogue.js";
import { localTimes } from "../shared/page.js";
import { learn } from "../shared/phrases.js";

learn(catalogue);
localTimes();
