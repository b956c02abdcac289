/** HAProxy as Debian has it, with its own checks of a JWT. It reads keys from a file alone, so what starts it writes ours there. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportSPKI, importJWK } from "jose";

const { ISSUER, AUDIENCE, BASE_URL } = process.env;
const ALGORITHM = "ES256";

const { keys } = await (await fetch(`${ISSUER}/jwks`)).json();
const folder = mkdtempSync(join(tmpdir(), "haproxy-jwt-"));
const key = keys.find(({ alg }) => alg === ALGORITHM);
writeFileSync(
  join(folder, "key.pem"),
  await exportSPKI(await importJWK(key, ALGORITHM, { extractable: true })),
);
const file = join(folder, "haproxy.cfg");
writeFileSync(
  file,
  `
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend service
  bind ${new URL(BASE_URL).host}
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.expiry) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str ${ALGORITHM} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.typ') -m str at+jwt }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("${ALGORITHM}","${folder}/key.pem") -m int 1 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.iss') -m str ${ISSUER} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.aud') -m str ${AUDIENCE} }
  http-request deny deny_status 401 if { var(txn.expiry),sub(txn.now) -m int lt 0 }
  http-request return status 200 content-type application/json lf-string '{"subject":"%[var(txn.token),jwt_payload_query("$.sub")]"}'
`,
);
const haproxy = spawn("/usr/sbin/haproxy", ["-f", file, "-db"], { stdio: ["ignore", "ignore", "inherit"] });
haproxy.on("exit", (code) => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 0);
});
process.on("SIGTERM", () => haproxy.kill("SIGTERM"));
