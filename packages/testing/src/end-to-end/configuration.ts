import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { exchange } from "./exchange.ts";
import { type ServerProcess, startProcess } from "./server-process.ts";
import type { Stack } from "./stack.ts";
import { until } from "./until.ts";

/** As much of a gateway's configuration as tests change. */
export interface GatewayConfiguration {
  issuer: string;
  listen: { host: string; port: number };
  management: { host: string; port: number };
  verifier: { clientId: string; name?: string };
  transactionToken: { issuer?: string };
  cors: { origins: string[] };
  routes: {
    name: string;
    path: string;
    upstream: string;
    freshness?: { policy: string; maxAgeSeconds?: number };
  }[];
}

/** As much of the authorization server's configuration as tests change. */
export interface IssuerConfiguration {
  clients: { clientId: string; name: string; optionalScopes?: string[] }[];
  resources: { identifier: string; name: string; scopes: Record<string, string> }[];
  outgoing?: { privateTargets: string[] };
  users: { username: string; name: string; email: string; password: string }[];
}

/** The configuration file named in a server's command line (JSON is YAML too). */
async function readConfiguration<T>(command: readonly string[]): Promise<{ file: string; value: T }> {
  const file = command[command.indexOf("--config") + 1]!;
  return { file, value: parse(await readFile(file, "utf8")) as T };
}

export interface SecondGateway {
  readonly url: string;
  readonly management: string;
  readonly server: ServerProcess;
  isReady(): Promise<boolean>;
}

/** Another gateway beside the stack's own, with its configuration changed as told, on the block's spare ports. */
export async function startSecondGateway(
  stack: Stack,
  change: (configuration: GatewayConfiguration) => void = () => undefined,
): Promise<SecondGateway> {
  const command = stack.info.commands.gateway;
  const { file, value } = await readConfiguration<GatewayConfiguration>(command);
  value.listen.port = stack.portBase + 5;
  value.management.port = stack.portBase + 6;
  value.verifier.name = "second-gateway";
  // It signs with the first one's key, as two instances of one gateway do; the service believes that issuer.
  value.transactionToken.issuer ??= stack.info.gateway;
  change(value);
  const copy = join(dirname(file), "second-gateway.yaml");
  await writeFile(copy, JSON.stringify(value), { mode: 0o600 });
  const server = startProcess(command.map((word) => (word === file ? copy : word)));
  const management = `http://127.0.0.1:${value.management.port}`;
  const answers = async () => (await exchange(`${management}/livez`)).status === 200;
  const died = server.exited.then(() => {
    throw new Error(`the second gateway ended:\n${server.errors()}`);
  });
  died.catch(() => undefined);
  await Promise.race([until(answers, { what: "the second gateway to be alive" }), died]);
  const isReady = async () => (await exchange(`${management}/readyz`)).status === 200;
  return { url: `http://127.0.0.1:${value.listen.port}`, management, server, isReady };
}

/** Starts the authorization server again with its configuration changed: for another client, another user. */
export async function reconfigureIssuer(
  stack: Stack,
  change: (configuration: IssuerConfiguration) => void,
): Promise<void> {
  const { file, value } = await readConfiguration<IssuerConfiguration>(stack.info.commands.authServer);
  change(value);
  await stack.kill("authServer", "SIGTERM");
  await writeFile(file, JSON.stringify(value), { mode: 0o600 });
  const server = await stack.start("authServer");
  const died = server.exited.then(() => {
    throw new Error(`the authorization server ended with its new configuration:\n${server.errors()}`);
  });
  died.catch(() => undefined);
  const answers = until(
    async () => (await exchange(`${stack.info.issuer}/.well-known/openid-configuration`)).status === 200,
    {
      what: "the authorization server to answer with its new configuration",
    },
  );
  await Promise.race([answers, died]);
}
