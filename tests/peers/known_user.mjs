// Asks Queue-it's connector about requests of a shop: [{url, token, event, secret}] in, [{action, redirect, cookies}] out.

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

const { KnownUser, QueueEventConfig } = createRequire(import.meta.url)("./queueit-connector.cjs");

async function ask({ url, token, event, secret, cookies = {} }) {
  const set = { ...cookies };
  const context = {
    getHttpRequest: () => ({
      getUserAgent: () => "test", getHeader: () => "", getAbsoluteUri: () => url, getUserHostAddress: () => "192.0.2.1",
      getCookieValue: (name) => set[name], getRequestBodyAsString: () => "",
    }),
    getHttpResponse: () => ({ setCookie: (name, value) => { set[name] = value; } }),
    getCryptoProvider: () => ({ getSha256Hash: (key, text) => createHmac("sha256", key).update(text).digest("hex") }),
    getEnqueueTokenProvider: () => null,
  };
  const config = new QueueEventConfig(event, [], "", "", "tickets.example", "", false, 10, "", false, false, 1);
  const result = await KnownUser.resolveQueueRequestByLocalConfig(url, token, config, "shop", secret, context, null);
  return { action: result.actionType, waits: result.doRedirect(), redirect: result.redirectUrl, cookies: set };
}

const asked = JSON.parse(process.argv[2]);
console.log(JSON.stringify(await Promise.all(asked.map(ask))));
