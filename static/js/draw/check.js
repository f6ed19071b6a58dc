// A draw, recomputed from what was published. Pure but for Web Crypto: no page, no network.

const BATCH = 500; // signatures under way at once

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hexOf = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (bytes) => hexOf(await crypto.subtle.digest("SHA-256", bytes));

// entrants: [{public_id, number}]. Resolves to what each step found; onProgress hears a share from 0 to 1.
export async function check({ commitment, secret, list_hash: listHash, drawn_after: drawnAfter }, entrants, onProgress) {
  const text = new TextEncoder();
  const ids = entrants.map((entrant) => entrant.public_id).sort();
  const key = await crypto.subtle.importKey("raw", bytesOf(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const list = bytesOf(listHash);
  const drawn = [];
  for (let at = 0; at < ids.length; at += BATCH) {
    drawn.push(...await Promise.all(ids.slice(at, at + BATCH).map(async (id) => {
      const message = new Uint8Array([...list, ...text.encode(id)]);
      return [hexOf(await crypto.subtle.sign("HMAC", key, message)), id];
    })));
    onProgress(drawn.length / ids.length);
  }
  drawn.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const numbers = new Map(drawn.map(([, id], rank) => [id, drawnAfter + rank + 1]));
  return {
    secret: (await sha256(bytesOf(secret))) === commitment,
    list: (await sha256(text.encode(ids.join("\n")))) === listHash && new Set(ids).size === ids.length,
    order: entrants.every((entrant) => numbers.get(entrant.public_id) === entrant.number),
    numbers,
  };
}
