// Keeps the door's page and its scripts for when there is no network. What it keeps is named by its content.
const NAME = {{ name|tojson }};
const FILES = {{ files|tojson }};

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("door-") && name !== NAME && name !== "door-pages") await caches.delete(name);
    await self.clients.claim();
    for (const client of await self.clients.matchAll()) await keep(client.url);
  })());
});

async function keep(url) {
  const answer = await fetch(url).catch(() => null);
  if (answer?.ok) await (await caches.open("door-pages")).put(url, answer.clone());
  return answer;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (event.request.mode === "navigate") {
    event.respondWith(keep(event.request.url).then(async (answer) => answer ?? (await caches.match(event.request.url)) ?? Response.error()));
  } else if (url.pathname.startsWith("/static/")) {
    event.respondWith(caches.match(event.request.url).then((kept) => kept ?? fetch(event.request)));
  }
});
