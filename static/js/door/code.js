// Reads the code of a ticket and checks its signature, as app/tickets/codes.py does. Needs no network.

import { verifyAsync } from "../../vendor/ed25519.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const CODE = /^([A-Z0-9]{1,8})\.([A-Z2-7]{143})$/;
const CONTENT_BYTES = 25;
const BYTES = CONTENT_BYTES + 64;
const PREFIX = "ticketcraze ticket ";

function bytesOf(text) {
  const bytes = new Uint8Array(BYTES);
  let bits = 0, held = 0, at = 0;
  for (const letter of text) {
    held = (held << 5) | LETTERS.indexOf(letter);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return held ? null : bytes; // the last letter has bits to spare: they are zero
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const fromBase64url = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

async function isGood(x, signature, signed) {
  const raw = fromBase64url(x);
  try {
    const key = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, key, signature, signed);
  } catch {
    return verifyAsync(signature, signed, raw); // a browser that does not know Ed25519
  }
}

// What a code says: { ticketId, eventId, skuId, code }; null for what is no code of ours. `keys` is [{ kid, x }].
export async function read(text, keys) {
  const code = text.trim().toUpperCase();
  const found = CODE.exec(code);
  const key = found && keys.find(({ kid }) => kid === found[1]);
  const bytes = key && bytesOf(found[2]);
  if (!bytes || bytes[0] !== 1) return null;
  const content = bytes.subarray(0, CONTENT_BYTES);
  const prefix = new TextEncoder().encode(`${PREFIX}${key.kid}.`);
  const signed = new Uint8Array([...prefix, ...content]);
  if (!(await isGood(key.x, bytes.slice(CONTENT_BYTES), signed))) return null;
  const view = new DataView(bytes.buffer);
  return { ticketId: hex(content.subarray(9)), eventId: view.getUint32(1), skuId: view.getUint32(5), code };
}
