/** oauth2-proxy in front of an app that knows nothing of OpenID Connect: it reads headers. */
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import express from "express";
import { BASE_URL, CLIENT_ID, CLIENT_SECRET, endSessionUrl, ISSUER, ORDERS_URL, SCOPE } from "./app.mjs";

const PROGRAM = new URL("../go/.bin/oauth2-proxy", import.meta.url).pathname;
const REFRESH_SECONDS = 1;

const app = express();
// The proxy signs in whoever comes here.
app.get("/login", (_request, response) => response.redirect("/"));
app.get("/", ({ headers }, response) => {
  response.json({
    name: nameIn(headers.authorization),
    accessToken: headers["x-forwarded-access-token"] ?? null,
  });
});
app.get("/call", async ({ headers }, response) => {
  const authorization = `Bearer ${headers["x-forwarded-access-token"]}`;
  const answer = await fetch(ORDERS_URL, { headers: { authorization } });
  response.json({ status: answer.status });
});
// The proxy refreshes by itself, at the next request after a time. It counts whole seconds of its clock.
app.get("/refresh", async (_request, response) => {
  await delay((REFRESH_SECONDS + 1.5) * 1000);
  response.redirect("/");
});
app.get("/logout", (_request, response) => {
  // The proxy puts the ID token in the place of these braces, if they stand in the address as they are.
  const rd = endSessionUrl("ID_TOKEN").replace("ID_TOKEN", "{id_token}");
  response.redirect(`/oauth2/sign_out?${new URLSearchParams({ rd })}`);
});

/** The proxy has verified the ID token that it hands on. */
function nameIn(authorization) {
  if (authorization === undefined) return null;
  return JSON.parse(Buffer.from(authorization.split(".")[1], "base64url").toString()).name;
}

const backend = app.listen(0, "127.0.0.1", () => {
  const parameters = Object.entries(options(backend.address().port)).map(
    ([name, value]) => `--${name}=${value}`,
  );
  const proxy = spawn(PROGRAM, parameters, { stdio: ["ignore", "ignore", "inherit"] });
  proxy.on("exit", (code) => process.exit(code ?? 0));
  process.on("SIGTERM", () => proxy.kill("SIGTERM"));
});

const options = (port) => ({
  "http-address": new URL(BASE_URL).host,
  upstream: `http://127.0.0.1:${port}/`,
  "redirect-url": `${BASE_URL}/oauth2/callback`,
  "skip-auth-route": "GET=^/$",
  "skip-provider-button": true,
  "email-domain": "*",
  provider: "oidc",
  "oidc-issuer-url": ISSUER,
  "client-id": CLIENT_ID,
  "client-secret": CLIENT_SECRET,
  scope: SCOPE,
  "code-challenge-method": "S256",
  "pass-access-token": true,
  "pass-authorization-header": true,
  "whitelist-domain": new URL(ISSUER).host,
  "cookie-secret": "a secret of this proxy: 32 bytes",
  "cookie-refresh": `${REFRESH_SECONDS}s`,
  // The proxy of this trial has no TLS.
  "cookie-secure": false,
});
