/** Apache with mod_auth_openidc as Debian has it, in front of a service that knows nothing of tokens: it reads headers. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express from "express";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, AUDIENCE, BASE_URL } = process.env;
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
app.get("/", ({ headers }, response) => response.json({ subject: headers.oidc_claim_sub }));

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
OIDCOAuthServerMetadataURL ${ISSUER}/.well-known/openid-configuration
OIDCOAuthIntrospectionEndpointAuth client_secret_basic
OIDCOAuthClientID ${CLIENT_ID}
OIDCOAuthClientSecret "${CLIENT_SECRET}"
OIDCOAuthTokenIntrospectionInterval -1
ProxyPass / http://127.0.0.1:${port}/
<Location />
  AuthType oauth20
  <RequireAll>
    Require claim aud:${AUDIENCE}
    Require claim scope~(^|\\s)orders\\.read($|\\s)
  </RequireAll>
</Location>
`;
