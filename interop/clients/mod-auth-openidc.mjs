import express from "express";
import { serveBehindApache } from "../apache.mjs";
import { BASE_URL, CLIENT_ID, CLIENT_SECRET, ISSUER, REDIRECT_URI, SCOPE } from "./app.mjs";

const { ORDERS_URL } = process.env;

const app = express();
app.get("/login", (_request, response) => response.redirect("/"));
app.get("/", ({ headers }, response) => {
  response.json({
    name: headers.oidc_claim_name ?? null,
    accessToken: headers.oidc_access_token ?? null,
  });
});
app.get("/call", async ({ headers }, response) => {
  const authorization = `Bearer ${headers.oidc_access_token}`;
  const answer = await fetch(ORDERS_URL, { headers: { authorization } });
  response.json({ status: answer.status });
});
app.get("/refresh", ({ headers }, response) => {
  const query = new URLSearchParams({
    refresh: `${BASE_URL}/`,
    access_token: headers.oidc_access_token,
  });
  response.redirect(`${REDIRECT_URI}?${query}`);
});
app.get("/logout", (_request, response) => {
  response.redirect(`${REDIRECT_URI}?${new URLSearchParams({ logout: `${BASE_URL}/` })}`);
});

serveBehindApache({
  app,
  baseUrl: BASE_URL,
  settings: (target) => `
OIDCProviderMetadataURL ${ISSUER}/.well-known/openid-configuration
OIDCClientID ${CLIENT_ID}
OIDCClientSecret "${CLIENT_SECRET}"
OIDCRedirectURI ${REDIRECT_URI}
OIDCCryptoPassphrase "a secret of this server"
OIDCScope "${SCOPE}"
ProxyPass /callback !
ProxyPass / ${target}
<Location />
  AuthType openid-connect
  OIDCUnAuthAction pass
  Require valid-user
</Location>
<Location /login>
  OIDCUnAuthAction auth
</Location>
`,
});
