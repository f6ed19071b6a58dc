// Being called: sound and vibration, only for those who asked, and words for screen readers when they matter.

import { $$, say } from "../shared/page.js";
import { knows, phrase } from "../shared/phrases.js";

const KEY = "tc:sound";
let audio = null;

function tone(at, hertz) {
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.frequency.value = hertz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.25, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.7);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.75);
}

function play(...hertz) {
  if (!audio) return;
  audio.resume();
  hertz.forEach((h, i) => tone(audio.currentTime + i * 0.18, h));
}

export function setUpSound() {
  const switches = $$("[data-sound]");
  const show = (on) => switches.forEach((button) => button.setAttribute("aria-pressed", on));
  const wanted = () => sessionStorage.getItem(KEY) === "1";
  // Browsers allow sound only after a touch, so a kept wish wakes up with the first one.
  addEventListener("pointerdown", () => { if (wanted()) audio ??= new AudioContext(); }, { once: true });
  for (const button of switches) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const on = !wanted();
      sessionStorage.setItem(KEY, on ? "1" : "0");
      show(on);
      if (on) {
        audio ??= new AudioContext();
        play(660);
      }
    });
  }
  show(wanted());
}

function call() {
  if (sessionStorage.getItem(KEY) !== "1") return;
  play(523, 659, 784);
  navigator.vibrate?.([200, 100, 200, 100, 400]);
}

const MILESTONES = [1000, 500, 250, 100, 50, 20, 10, 5, 3, 1, 0];

function viewWords({ view, flags, slots }) {
  if (view === "held" && flags.declined) return phrase("said.declined");
  if (view === "paused" && flags.not_joined) return phrase("said.paused.stranger");
  if (view === "lapsed") return `${slots.lapsed_title}. ${slots.lapsed_words}`;
  if (view === "door") return `${slots.door_title}. ${slots.door_words}`;
  return knows(`said.${view}`) ? phrase(`said.${view}`) : "";
}

let before = null;

// Speaks when the view changes, a milestone of the place is passed, or a time limit is near.
export function announce(words, place) {
  const { view, ending, flags } = words;
  const ahead = view === "waiting" ? (place?.position ?? null) : null;
  const now = { view, ahead, pass: ending.pass, hold: ending.hold, baskets: flags.baskets };
  const was = before;
  before = now;
  if (!was) return;
  if (was.view !== view) {
    say(`${viewWords(words)} ${ahead === null ? "" : phrase("said.ahead", { n: ahead })}`.trim());
    if (view === "admitted") call();
  } else if (view === "admitted" && now.pass && !was.pass) {
    say(phrase("said.pass_ending"));
  } else if ((view === "held" || view === "paying") && now.hold && !was.hold) {
    say(phrase("said.hold_ending"));
  } else if ((view === "waiting" || view === "joinable") && now.baskets && !was.baskets) {
    say(phrase("said.baskets"));
  } else if (ahead !== null && was.ahead !== null) {
    const passed = MILESTONES.find((m) => was.ahead > m && ahead <= m);
    if (passed !== undefined) say(phrase("said.ahead", { n: ahead }));
  }
}
