// One websocket, kept alive: dead ones are noticed, lost ones come back after a random pause,
// and while there is none the page polls. Everything on the socket arrives through onFrame.

const SILENCE_MS = 25_000; // the server speaks every 10 s
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
const RESTART_PAUSE_MS = 5_000;
const POLL_MS = 5_000;
const TOO_MUCH_SAID = 1008, RESTARTING = 1012, NOT_JOINED = 4001, REFUSED = 4003, TOO_MANY = 4009;
const NOT_AGAIN = [TOO_MUCH_SAID, NOT_JOINED, REFUSED, TOO_MANY]; // see app/live/closing.py

// poll() fetches everything once and resolves to the pause in ms until it wants to be called again.
// onLink(state) with connecting | live | reconnecting | polling | refused.
export function keepLive({ path, withSocket, onFrame, onLink, poll }) {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
  let socket = null, tries = 0, silence, again, nextPoll;
  let link = withSocket ? "connecting" : "polling";
  // Only data makes what is shown younger: the page itself when it came, a frame, an answer. A try does not.
  let heardAt = performance.getEntriesByType("navigation")[0]?.responseStart ?? performance.now();

  function setLink(state) {
    link = state;
    onLink(state);
  }

  function waitForWords() {
    clearTimeout(silence);
    silence = setTimeout(() => drop(0), SILENCE_MS);
  }

  function connect() {
    clearTimeout(again);
    if (socket) return;
    socket = new WebSocket(url);
    waitForWords();
    socket.onmessage = ({ data }) => {
      heardAt = performance.now();
      waitForWords();
      if (link !== "live") {
        tries = 0;
        clearTimeout(nextPoll);
        setLink("live");
      }
      onFrame(JSON.parse(data));
    };
    socket.onclose = ({ code }) => drop(code);
  }

  function drop(code) {
    clearTimeout(silence);
    if (socket) {
      socket.onclose = socket.onmessage = null;
      socket.close();
      socket = null;
    }
    if (NOT_AGAIN.includes(code)) {
      setLink(code === REFUSED ? "refused" : "polling");
      if (code === NOT_JOINED) onFrame({ type: "not_joined" });
    } else {
      if (link !== "reconnecting") setLink("reconnecting");
      const most = code === RESTARTING ? RESTART_PAUSE_MS : Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries++);
      again = setTimeout(connect, 200 + Math.random() * most);
    }
    if (link !== "refused") keepPolling(1_000 + Math.random() * 2_000);
  }

  function keepPolling(pause) {
    clearTimeout(nextPoll);
    nextPoll = setTimeout(async () => {
      let next = POLL_MS;
      try {
        next = (await poll()) || POLL_MS;
        heardAt = performance.now();
        if (!withSocket && link === "reconnecting") setLink("polling");
      } catch {
        next = POLL_MS * 2; // the age of what is shown tells the rest
        if (link === "polling") setLink("reconnecting");
      }
      if (link === "reconnecting" || link === "polling") keepPolling(next);
    }, pause);
  }

  // Back from a sleeping phone, another tab or a tunnel: don't wait out the pause.
  function wake() {
    if (document.visibilityState !== "visible" || link !== "reconnecting") return;
    if (withSocket) connect();
    else keepPolling(0);
  }

  function lose() {
    if (link === "refused") return;
    if (withSocket && link !== "polling") drop(0);
    else setLink("reconnecting");
  }
  addEventListener("offline", lose);
  addEventListener("online", wake);
  addEventListener("pageshow", wake);
  document.addEventListener("visibilitychange", wake);
  addEventListener("pagehide", () => socket && drop(0));

  // Whoever only looked has a place now.
  function open() {
    withSocket = true;
    tries = 0;
    clearTimeout(nextPoll);
    setLink("connecting");
    connect();
  }

  if (withSocket) connect();
  else keepPolling(POLL_MS);
  onLink(link);
  return { open, ageMs: () => performance.now() - heardAt };
}
