/**
 * What every web app here has beside its library: it says who is signed in, and calls the orders API through the gateway.
 * `/login`, the callback, `/refresh` and `/logout` are each app's own, as the documentation of its library has them.
 */
import express from "express";
import session from "express-session";

/** What an operator is given when the app is created, and where the app is. */
export const { ISSUER, CLIENT_ID, CLIENT_SECRET, BASE_URL, ORDERS_URL } = process.env;
export const REDIRECT_URI = `${BASE_URL}/callback`;
export const SCOPE = "openid profile email orders.read";

export function createApp() {
  const app = express();
  app.use(session({ secret: "of this app alone", resave: false, saveUninitialized: true, name: "app.sid" }));
  return app;
}

/** `tokensOf(request)` gives `{ accessToken, name }` of whoever is signed in, or undefined. */
export function listen(app, tokensOf) {
  app.get("/", async (request, response) => {
    const tokens = await tokensOf(request);
    response.json({ name: tokens?.name ?? null, accessToken: tokens?.accessToken ?? null });
  });
  app.get("/call", async (request, response) => {
    const { accessToken } = await tokensOf(request);
    const answer = await fetch(ORDERS_URL, { headers: { authorization: `Bearer ${accessToken}` } });
    response.json({ status: answer.status });
  });
  app.use((error, _request, response, _next) => {
    response
      .status(500)
      .type("text")
      .send(`${error.stack}\n${error.cause?.stack ?? ""}`);
  });
  const { hostname, port } = new URL(BASE_URL);
  app.listen(Number(port), hostname);
}

/** In the session, as apps keep it whose library keeps nothing. */
export const inSession = (request) => request.session.tokens;

/** For libraries that know no sign-out at the issuer (RP-Initiated Logout 1.0, section 2). */
export function endSessionUrl(idToken) {
  const url = new URL(`${ISSUER}/logout`);
  url.search = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: `${BASE_URL}/` });
  return url.href;
}
