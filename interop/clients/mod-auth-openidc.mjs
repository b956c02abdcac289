/** Apache with mod_auth_openidc as Debian has it, in front of an app that knows nothing of OpenID Connect: it reads headers. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express from "express";
import { BASE_URL, CLIENT_ID, CLIENT_SECRET, ISSUER, REDIRECT_URI, SCOPE } from "./app.mjs";

const { ORDERS_URL } = process.env;
const MODULES = [
  "mpm_event",
  "authn_core",
  "authz_core",
  "authz_user",
  "proxy",
  "proxy_http",
  "auth_openidc",
];

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

const folder = mkdtempSync(join(tmpdir(), "mod-auth-openidc-"));
const backend = app.listen(0, "127.0.0.1", () => {
  const file = join(folder, "apache.conf");
  writeFileSync(file, configuration(backend.address().port));
  const apache = spawn("/usr/sbin/apache2", ["-f", file, "-D", "FOREGROUND"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  apache.on("exit", (code) => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(code ?? 0);
  });
  process.on("SIGTERM", () => apache.kill("SIGTERM"));
});

const configuration = (port) => `
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
ServerName 127.0.0.1
Listen ${new URL(BASE_URL).host}
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog "|$/bin/cat 1>&2"
LogLevel warn
OIDCProviderMetadataURL ${ISSUER}/.well-known/openid-configuration
OIDCClientID ${CLIENT_ID}
OIDCClientSecret "${CLIENT_SECRET}"
OIDCRedirectURI ${REDIRECT_URI}
OIDCCryptoPassphrase "a secret of this server"
OIDCScope "${SCOPE}"
ProxyPass /callback !
ProxyPass / http://127.0.0.1:${port}/
<Location />
  AuthType openid-connect
  OIDCUnAuthAction pass
  Require valid-user
</Location>
<Location /login>
  OIDCUnAuthAction auth
</Location>
`;
