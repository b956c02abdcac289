/** The server, and the verifiers. This file is their process too: `parts.ts server DIRECTORY` or `parts.ts verifiers ISSUER N`. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAuthServer, createReport, resolveConfiguration } from "@portcullis/auth-server";
import { connect } from "@portcullis/guard";

export const ADMIN = { id: "admin", secret: "bench-secret-of-the-admin" };
const VERIFIER = { id: "verifier", secret: "bench-secret-of-verifiers" };
const AUDIENCE = "https://orders.portcullis.example";

async function startServer(dataDirectory: string): Promise<string> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const client = ({ id, secret }: typeof ADMIN, scope: string) => ({
    clientId: id,
    name: id,
    clientSecret: secret,
    grantTypes: ["client_credentials"],
    resources: { [`${issuer}/api`]: [scope] },
  });
  const configuration = resolveConfiguration({
    issuer,
    listen: { host: "127.0.0.1", port },
    dataDirectory,
    resources: [],
    clients: [client(ADMIN, "revocations.write"), client(VERIFIER, "revocations.read")],
  });
  const report = createReport({ write: (line) => process.stderr.write(line), nowMs: Date.now });
  const server = await createAuthServer({ configuration, report });
  return server.listen();
}

async function startVerifiers(issuer: string, count: number): Promise<void> {
  const guards = Array.from({ length: count }, (_, at) =>
    connect({
      issuer,
      audience: AUDIENCE,
      clientId: VERIFIER.id,
      clientSecret: VERIFIER.secret,
      name: `verifier-${at}`,
    }),
  );
  await Promise.all(guards.map((guard) => guard.whenReady()));
  process.once("message", async () => {
    await Promise.all(guards.map((guard) => guard.close()));
    process.exit();
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

if (process.send !== undefined && import.meta.main) {
  const [part, first, count] = process.argv.slice(2);
  process.on("disconnect", () => process.exit());
  if (part === "server") process.send({ url: await startServer(first!) });
  else {
    await startVerifiers(first!, Number(count));
    process.send({ ready: true });
  }
}
