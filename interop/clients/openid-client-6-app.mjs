/** The routes of an app with openid-client 6, whichever way it authenticates itself. */
import * as client from "openid-client-6";
import { BASE_URL, createApp, inSession, listen, REDIRECT_URI, SCOPE } from "./app.mjs";

export function serve(config, app = createApp()) {
  app.get("/login", async (request, response) => {
    const code_verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    request.session.pending = { code_verifier, state };
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT_URI,
      scope: SCOPE,
      code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
      code_challenge_method: "S256",
      state,
    });
    response.redirect(url.href);
  });
  app.get("/callback", async (request, response) => {
    const { code_verifier: pkceCodeVerifier, state: expectedState } = request.session.pending;
    const url = new URL(request.originalUrl, BASE_URL);
    const tokens = await client.authorizationCodeGrant(config, url, { pkceCodeVerifier, expectedState });
    keep(request, tokens);
    const { name } = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    request.session.tokens.name = name;
    response.redirect("/");
  });
  app.get("/refresh", async (request, response) => {
    keep(request, await client.refreshTokenGrant(config, request.session.tokens.refreshToken));
    response.redirect("/");
  });
  app.get("/logout", (request, response) => {
    const { idToken: id_token_hint } = request.session.tokens;
    request.session.tokens = undefined;
    const url = client.buildEndSessionUrl(config, {
      id_token_hint,
      post_logout_redirect_uri: `${BASE_URL}/`,
    });
    response.redirect(url.href);
  });
  listen(app, inSession);
}

function keep(request, tokens) {
  const { accessToken: _, ...before } = request.session.tokens ?? {};
  request.session.tokens = {
    ...before,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    ...(tokens.id_token && { idToken: tokens.id_token, name: tokens.claims().name }),
  };
}
