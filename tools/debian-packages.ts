/**
 * Installs the Debian packages that tests and benchmarks need, when their program is not there yet. A test
 * that quietly skipped because a program is missing would be a check that cannot fail.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** By name: the program that must be there, and the package that brings it. */
const PROGRAMS = {
  apache2: { file: "apache2", debianPackage: "apache2" },
  chromium: { file: "chromium", debianPackage: "chromium" },
  haproxy: { file: "haproxy", debianPackage: "haproxy" },
  iptables: { file: "iptables", debianPackage: "iptables" },
  libfaketime: { file: "faketime/libfaketimeMT.so.1", debianPackage: "libfaketime" },
  "mod-auth-openidc": {
    file: "apache2/modules/mod_auth_openidc.so",
    debianPackage: "libapache2-mod-auth-openidc",
  },
  nginx: { file: "nginx", debianPackage: "nginx" },
  omniauth: {
    file: "doc/ruby-omniauth-openid-connect",
    debianPackage: "ruby-omniauth-openid-connect",
  },
  openssl: { file: "openssl", debianPackage: "openssl" },
  postgresql: { file: "postgres", debianPackage: "postgresql" },
  "redis-server": { file: "redis-server", debianPackage: "redis-server" },
  webrick: { file: "doc/ruby-webrick", debianPackage: "ruby-webrick" },
  wrk: { file: "wrk", debianPackage: "wrk" },
} as const;
export type Program = keyof typeof PROGRAMS;

export function ensurePrograms(programs: readonly Program[]): void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = missing.map((program) => PROGRAMS[program].debianPackage);
  console.error(`Installing from Debian: ${packages.join(", ")} ...`);
  const prefix = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const installed =
    run([...prefix, "apt-get", "update", "-qq"]) &&
    run([...prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages]);
  if (!installed || programs.some((program) => !isInstalled(program))) {
    throw new Error(
      `${missing.join(", ")} could not be installed. Install it by hand and try again` +
        (missing.includes("chromium") ? ", or name another Chromium in CHROMIUM_PATH." : "."),
    );
  }
}

function isInstalled(program: Program): boolean {
  if (program === "chromium" && process.env.CHROMIUM_PATH !== undefined)
    return existsSync(process.env.CHROMIUM_PATH);
  // Debian keeps servers in sbin, which is not on every user's PATH.
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    "/usr/sbin",
    "/usr/bin",
    ...postgresFolders(),
    "/usr/lib",
    // Of what is a library, and nothing to run: its documentation is there when it is.
    "/usr/share",
    ...sharedObjectFolders(),
  ];
  return folders.some((folder) => existsSync(join(folder, PROGRAMS[program].file)));
}

/** Debian keeps the programs of each PostgreSQL apart from the PATH, by version. */
function postgresFolders(): string[] {
  const parent = "/usr/lib/postgresql";
  return existsSync(parent) ? readdirSync(parent).map((version) => join(parent, version, "bin")) : [];
}

/** Debian keeps shared objects in folders of the processor's kind. */
function sharedObjectFolders(): string[] {
  return existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => join("/usr/lib", name)) : [];
}

function run(command: readonly string[]): boolean {
  const [program, ...args] = command;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(program!, args, { stdio: ["ignore", 2, 2], env }).status === 0;
}
