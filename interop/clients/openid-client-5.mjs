import { generators, Issuer } from "openid-client-5";
import {
  BASE_URL,
  CLIENT_ID,
  CLIENT_SECRET,
  createApp,
  ISSUER,
  inSession,
  listen,
  REDIRECT_URI,
  SCOPE,
} from "./app.mjs";

const issuer = await Issuer.discover(ISSUER);
const client = new issuer.Client({
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  redirect_uris: [REDIRECT_URI],
  response_types: ["code"],
});

const keep = async (request, tokens) => {
  const { name } = await client.userinfo(tokens);
  request.session.tokens = {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    idToken: tokens.id_token,
    name,
  };
};

const app = createApp();
app.get("/login", (request, response) => {
  const code_verifier = generators.codeVerifier();
  const state = generators.state();
  request.session.pending = { code_verifier, state };
  const code_challenge = generators.codeChallenge(code_verifier);
  response.redirect(
    client.authorizationUrl({ scope: SCOPE, state, code_challenge, code_challenge_method: "S256" }),
  );
});
app.get("/callback", async (request, response) => {
  const parameters = client.callbackParams(request);
  await keep(request, await client.callback(REDIRECT_URI, parameters, request.session.pending));
  response.redirect("/");
});
app.get("/refresh", async (request, response) => {
  await keep(request, await client.refresh(request.session.tokens.refreshToken));
  response.redirect("/");
});
app.get("/logout", (request, response) => {
  const { idToken: id_token_hint } = request.session.tokens;
  request.session.tokens = undefined;
  response.redirect(client.endSessionUrl({ id_token_hint, post_logout_redirect_uri: `${BASE_URL}/` }));
});
listen(app, inSession);
