/** Apache with mod_auth_openidc as Debian has it, in front of an app that knows nothing of tokens: it reads headers. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MODULES = [
  "mpm_event",
  "authn_core",
  "authz_core",
  "authz_user",
  "proxy",
  "proxy_http",
  "auth_openidc",
];

/** Serves the app at `baseUrl`, until it is told to stop. `settings` gives what the module is told, with the address of the app. */
export function serveBehindApache({ app, baseUrl, settings }) {
  const folder = mkdtempSync(join(tmpdir(), "mod-auth-openidc-"));
  const backend = app.listen(0, "127.0.0.1", () => {
    const file = join(folder, "apache.conf");
    const target = `http://127.0.0.1:${backend.address().port}/`;
    writeFileSync(file, configuration({ folder, baseUrl }) + settings(target));
    const apache = spawn("/usr/sbin/apache2", ["-f", file, "-D", "FOREGROUND"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    apache.on("exit", (code) => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(code ?? 0);
    });
    process.on("SIGTERM", () => apache.kill("SIGTERM"));
  });
}

const configuration = ({ folder, baseUrl }) => `
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
ServerName 127.0.0.1
Listen ${new URL(baseUrl).host}
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog "|$/bin/cat 1>&2"
LogLevel warn
`;
