// The waiting room in any page, as an element of its own:
//
//   <script type="module" src="https://tickets.example/embed.js"></script>
//   <ticketcraze-room event="night-of-lights"></ticketcraze-room>
//
// The sale has to name the page's origin (event gates --origin). The element fires `place` whenever the place changes,
// and `admitted` with {token, expires_at}, a pass that the shop checks. Attribute `identity`: the organiser's token.
// It speaks the language of the page around it, where we have that.

const ROOM = new URL(import.meta.url).origin;
const PASS_LEFT_MS = 60_000; // a pass that ends sooner is asked for anew
const RETRY_MS = 4_000;
const ANSWER_WITHIN_MS = 12_000;
const WORDS = {}; // by language; written in here when the server starts

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: block; font: inherit; }
  [hidden] { display: none !important; }
  section { display: grid; gap: .75rem; padding: 1.25rem; border: 1px solid currentColor; border-radius: .875rem; }
  strong { font-size: 2.5rem; line-height: 1; font-variant-numeric: tabular-nums; }
  p { margin: 0; }
  button, a { min-height: 44px; padding: .5rem 1.25rem; font: inherit; font-weight: 600; border: 1px solid currentColor; border-radius: .625rem; background: none; color: inherit; text-decoration: none; cursor: pointer; justify-self: start; }
  input { min-height: 44px; padding: 0 .75rem; font: inherit; }
`);

const MARKUP = `
  <section>
    <strong part="figure"></strong>
    <p part="words" role="status"></p>
    <form><label hidden><span data-words="embed.code"></span> <input name="code" maxlength="64" autocomplete="off" dir="ltr"></label> <button type="submit" data-words="embed.join"></button></form>
    <a part="shop" data-words="embed.shop" hidden></a>
    <button type="button" data-words="embed.leave" data-leave hidden></button>
    <a part="room" target="_blank" rel="noopener" data-words="embed.room" hidden></a>
  </section>`;

class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.title);
    Object.assign(this, { status, code: problem?.code, retryMs: Number(retryAfter) * 1000 || RETRY_MS });
  }
  get mayPass() {
    return !this.status || this.status === 429 || this.status >= 500;
  }
}

class Room extends HTMLElement {
  #timer = 0;
  #words = WORDS.en;
  #count = new Intl.NumberFormat();
  #place = null;
  #pass = null;

  connectedCallback() {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheet];
    shadow.innerHTML = MARKUP; // a constant: what comes from anywhere goes in as text
    const reads = this.closest("[lang]")?.lang.split("-")[0];
    const language = Object.keys(WORDS).find((code) => code.split("-")[0] === reads) ?? "en";
    this.#words = WORDS[language];
    this.#count = new Intl.NumberFormat(`${language}-u-nu-latn`);
    for (const element of shadow.querySelectorAll("[data-words]")) element.textContent = this.#words[element.dataset.words];
    this.#find("form").addEventListener("submit", (submit) => { submit.preventDefault(); this.join(); });
    this.#find("[data-leave]").addEventListener("click", () => this.leave());
    this.#find("[part=room]").href = `${ROOM}/events/${encodeURIComponent(this.slug)}`;
    this.#start();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  get slug() { return this.getAttribute("event") ?? ""; }
  get place() { return this.#place; }
  get #key() { return `ticketcraze:${ROOM}:${this.slug}`; }
  #find(selector) { return this.shadowRoot.querySelector(selector); }

  async #call(method, path, body) {
    const token = localStorage.getItem(this.#key);
    let answer;
    try {
      answer = await fetch(`${ROOM}/api/v1/events/${encodeURIComponent(this.slug)}${path}`, {
        method,
        credentials: "omit",
        headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { "Content-Type": "application/json" }) },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
    } catch {
      throw new Refused(0);
    }
    const json = await answer.json().catch(() => null);
    if (!answer.ok) throw new Refused(answer.status, json, answer.headers.get("Retry-After"));
    if (json?.token && path === "/queue") localStorage.setItem(this.#key, json.token);
    return json;
  }

  async #start() {
    this.#say("", this.#words["embed.moment"]);
    try {
      this.event = await this.#call("GET", "");
      this.#find("label").hidden = this.event.codes === "none";
      if (localStorage.getItem(this.#key)) await this.#look();
      else this.#show(null);
    } catch (refused) {
      this.#trouble(refused, () => this.#start());
    }
  }

  async join() {
    const code = this.#find("input").value.trim();
    const identity = this.getAttribute("identity");
    const body = { ...(code && { code }), ...(identity && { identity }) };
    try {
      this.#show(await this.#call("POST", "/queue", Object.keys(body).length ? body : undefined));
    } catch (refused) {
      if (refused.status === 401 && localStorage.getItem(this.#key)) localStorage.removeItem(this.#key);
      this.#trouble(refused, () => this.join());
    }
  }

  async leave() {
    clearTimeout(this.#timer);
    try {
      await this.#call("DELETE", "/queue");
      this.#show(null);
    } catch (refused) {
      this.#trouble(refused, () => this.#look());
    }
  }

  async #look() {
    try {
      this.#show(await this.#call("GET", "/queue"));
    } catch (refused) {
      if (refused.status === 401) localStorage.removeItem(this.#key); // not known here any more
      if (refused.code === "not_joined" || refused.status === 401) this.#show(null);
      else this.#trouble(refused, () => this.#look());
    }
  }

  // What may pass is tried again, later by some chance; anything else is told, with the way to the room itself.
  #trouble(refused, again) {
    clearTimeout(this.#timer);
    this.#say("", this.#words[refused.mayPass ? "embed.busy" : `help.${refused.code}`] ?? this.#words["embed.refused"]);
    this.#find("[part=room]").hidden = refused.mayPass;
    if (refused.mayPass) this.#timer = setTimeout(again, refused.retryMs * (1 + Math.random() / 2));
  }

  #say(figure, text) {
    this.#find("[part=figure]").textContent = figure;
    this.#find("[part=words]").textContent = text;
  }

  #show(place) {
    clearTimeout(this.#timer);
    this.#place = place;
    const where = place?.status;
    const words = this.#words;
    const inLine = where === "lobby" || where === "waiting";
    this.#find("form").hidden = inLine || where === "admitted";
    this.#find("[data-leave]").hidden = !inLine;
    this.#find("[part=shop]").hidden = true;
    this.#find("[part=room]").hidden = true;
    switch (where) {
      case "lobby": this.#say(this.#count.format(place.waiting), words["embed.lobby"]); break;
      case "waiting": this.#say(place.position ? this.#count.format(place.position) : words["embed.next"], words[place.position ? "embed.ahead" : "embed.nobody"]); break;
      case "admitted": this.#say(words["embed.in"], words["embed.turn"]); this.#admit(place); break;
      case "lapsed": this.#say("", words["embed.lapsed"]); break;
      default: this.#say("", words[this.event?.sale === "sold_out" ? "embed.sold_out" : "embed.stranger"]);
    }
    this.dispatchEvent(new CustomEvent("place", { detail: place }));
    if (place) this.#timer = setTimeout(() => this.#look(), place.poll_after_ms);
  }

  // The shop gets the pass, which lasts for minutes.
  async #admit(place) {
    if (this.#pass?.turn === place.expires_at && Date.parse(this.#pass.expires_at) - Date.now() > PASS_LEFT_MS) {
      this.#find("[part=shop]").hidden = !this.#pass.location;
      return;
    }
    try {
      const pass = await this.#call("POST", "/pass");
      this.#pass = { ...pass, turn: place.expires_at };
      if (pass.location) {
        this.#find("[part=shop]").href = pass.location;
        this.#find("[part=shop]").hidden = false;
      }
      this.dispatchEvent(new CustomEvent("admitted", { detail: pass }));
    } catch {
      // the next look asks again
    }
  }
}

customElements.define("ticketcraze-room", Room);
