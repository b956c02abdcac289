/** The service and the proxies before it, each as one process with one thread of work, on free loopback ports. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "@portcullis/testing/ports";
import type { Scenario } from "./scenario.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

export interface GatewayOptions {
  /** The checkout whose gateway it is; default: this one. */
  readonly tree?: string;
  /** Of the process and of its files in the scenario's folder; default `gateway`. */
  readonly name?: string;
  readonly nodeOptions?: readonly string[];
}

export interface ProxyProcess {
  readonly name: string;
  readonly url: string;
  /** The process whose CPU time counts. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ProxyContext {
  readonly directory: string;
  readonly scenario: Scenario;
  readonly servicePort: number;
}

export async function startService(directory: string): Promise<ProxyProcess> {
  const port = await freePort();
  const location = 'default_type application/json; return 200 "{\\"ok\\":true}";';
  return startNginx({ directory, name: "service", port, upstream: "", location });
}

export async function startPlainNginx({ directory, servicePort }: ProxyContext): Promise<ProxyProcess> {
  const upstream = `upstream service { server 127.0.0.1:${servicePort}; keepalive 64; keepalive_requests 100000000; }`;
  const location = 'proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";';
  return startNginx({ directory, name: "nginx-plain", port: await freePort(), upstream, location });
}

interface NginxOptions {
  readonly directory: string;
  readonly name: string;
  readonly port: number;
  readonly upstream: string;
  readonly location: string;
}

async function startNginx({
  directory,
  name,
  port,
  upstream,
  location,
}: NginxOptions): Promise<ProxyProcess> {
  const file = join(directory, `${name}.conf`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(directory, `${name}-${kind}`)};`)
    .join(" ");
  writeFileSync(
    file,
    `worker_processes 1; daemon off; pid ${join(directory, `${name}.pid`)}; error_log ${join(directory, `${name}.log`)};
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000; ${temporary} ${upstream}
  server { listen 127.0.0.1:${port}; location / { ${location} } } }
`,
  );
  const proxy = await startProcess({ name, port, command: ["nginx", "-c", file], env: {} });
  // The master only waits; its one worker does the work.
  return { ...proxy, pid: onlyChildOf(proxy.pid) };
}

export async function startHaproxy(alg: "ES256" | "RS256", context: ProxyContext): Promise<ProxyProcess> {
  const { directory, scenario, servicePort } = context;
  const port = await freePort();
  const key = join(directory, `${alg}.pem`);
  const file = join(directory, `haproxy-${alg}.cfg`);
  writeFileSync(key, scenario[alg === "ES256" ? "es256" : "rs256"].publicKeyPem);
  writeFileSync(
    file,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend verify
  bind 127.0.0.1:${port}
  http-request deny deny_status 401 unless { http_auth_bearer,jwt_header_query('$.alg') -m str ${alg} }
  http-request deny deny_status 401 unless { http_auth_bearer,jwt_verify("${alg}","${key}") 1 }
  default_backend service
backend service
  server service 127.0.0.1:${servicePort}
`,
  );
  return startProcess({ name: `haproxy-${alg}`, port, command: ["haproxy", "-db", "-f", file], env: {} });
}

export async function startGateway(
  { directory, scenario, servicePort }: ProxyContext,
  { tree = REPOSITORY, name = "gateway", nodeOptions = [] }: GatewayOptions = {},
): Promise<ProxyProcess> {
  const [port, managementPort] = [await freePort(), await freePort()];
  const file = join(directory, `${name}.yaml`);
  writeFileSync(
    file,
    `issuer: ${scenario.issuer.issuer}
listen: { port: ${port} }
management: { port: ${managementPort} }
verifier: { clientId: gateway, clientSecret: of-the-benchmark }
transactionToken: { audience: services.bench, keyFile: ${join(directory, `${name}-key.json`)} }
routes:
  - { name: orders, path: /orders, upstream: "http://127.0.0.1:${servicePort}", audience: "https://orders.example", scopes: [orders.read] }
`,
  );
  const command = [
    process.execPath,
    "--conditions=@portcullis/source",
    ...nodeOptions,
    join(tree, "apps/gateway/src/main.ts"),
    "--config",
    file,
  ];
  const proxy = await startProcess({ name, port, command, env: {} });
  const isReadyAt = async (path: string) => (await fetch(`http://127.0.0.1:${managementPort}${path}`)).ok;
  // A checkout to compare with may still call it `/ready`.
  await until(
    async () => (await isReadyAt("/readyz")) || (await isReadyAt("/ready")),
    "the gateway is ready",
  );
  return proxy;
}

interface ProcessOptions {
  readonly name: string;
  readonly port: number;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

async function startProcess({ name, port, command, env }: ProcessOptions): Promise<ProxyProcess> {
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...env },
  });
  let errors = "";
  child.stderr!.on("data", (chunk) => {
    errors = `${errors}${chunk}`.slice(-2000);
  });
  const url = `http://127.0.0.1:${port}`;
  const isUp = async () => {
    if (child.exitCode !== null) throw new Error(`${name} exited: ${errors}`);
    return (await fetch(url)).status > 0;
  };
  await until(isUp, `${name} answers`);
  return { name, url, pid: child.pid!, stop: () => stopProcess(child) };
}

async function stopProcess(child: ChildProcess): Promise<void> {
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  await exited;
}

async function until(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const outcome = await isTrue().catch((error: Error) => error);
    if (outcome === true) return;
    if (outcome instanceof Error && / exited: /.test(outcome.message)) throw outcome;
    if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const onlyChildOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
