// Calls to the server. A refusal or a lost answer is thrown as a Problem with a stable code.

import { learnServerTime } from "./time.js";

const ANSWER_WITHIN_MS = 12_000;
const FILE_WITHIN_MS = 60_000;

export class Problem extends Error {
  constructor(status, { code, title, detail, ...more } = {}, retryAfter = null) {
    super(title ?? code);
    Object.assign(this, { status, more, code: code ?? "unreachable", detail: detail || title, retryAfterSeconds: Number(retryAfter) });
  }
  // The server has too much to do, or its door is too full: waiting helps.
  get mayPass() {
    return this.status === 503 || (this.status === 429 && this.retryAfterSeconds > 0);
  }
  // Without a clear answer the call may have worked: the same call must be repeated, not a new one made.
  get answered() {
    return this.status > 0 && (this.status < 500 || this.code !== "unreachable");
  }
}

export async function call(method, path, { body, headers = {} } = {}) {
  const isFile = body instanceof Blob;
  const type = isFile ? body.type : "application/json";
  let answer, text;
  try {
    answer = await fetch(path, {
      method,
      headers: body ? { "Content-Type": type, ...headers } : headers,
      body: isFile ? body : body && JSON.stringify(body),
      signal: AbortSignal.timeout(isFile ? FILE_WITHIN_MS : ANSWER_WITHIN_MS),
    });
    text = await answer.text();
  } catch {
    throw new Problem(0);
  }
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    throw new Problem(answer.status, {}, answer.headers.get("Retry-After"));
  }
  if (!answer.ok) throw new Problem(answer.status, json ?? {}, answer.headers.get("Retry-After"));
  if (json?.server_now) learnServerTime(json.server_now);
  return json;
}
