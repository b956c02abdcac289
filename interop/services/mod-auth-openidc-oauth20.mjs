import express from "express";
import { serveBehindApache } from "../apache.mjs";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, AUDIENCE, BASE_URL } = process.env;

const app = express();
app.get("/", ({ headers }, response) => response.json({ subject: headers.oidc_claim_sub }));

serveBehindApache({
  app,
  baseUrl: BASE_URL,
  settings: (target) => `
OIDCOAuthServerMetadataURL ${ISSUER}/.well-known/openid-configuration
OIDCOAuthIntrospectionEndpointAuth client_secret_basic
OIDCOAuthClientID ${CLIENT_ID}
OIDCOAuthClientSecret "${CLIENT_SECRET}"
OIDCOAuthTokenIntrospectionInterval -1
ProxyPass / ${target}
<Location />
  AuthType oauth20
  <RequireAll>
    Require claim aud:${AUDIENCE}
    Require claim scope~(^|\\s)orders\\.read($|\\s)
  </RequireAll>
</Location>
`,
});
