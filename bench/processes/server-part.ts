/** An authorization server as a process. Answers `{ append: batches }` with the CPU that they took. */
import { randomBytes } from "node:crypto";
import { type AuthServer, createAuthServer, createLog, resolveConfiguration } from "@portcullis/auth-server";
import { freePort } from "@portcullis/testing/ports";
import { ADMIN, VERIFIERS } from "./clients.ts";

export interface ServerOptions {
  readonly dataDirectory: string;
  /** As in the configuration file. */
  readonly database?: object;
  readonly redis?: object;
}

const options = JSON.parse(process.argv[2]!) as ServerOptions;
const port = await freePort();
const issuer = `http://127.0.0.1:${port}`;
const began = performance.now();
const operatorLog = createLog({
  name: "auth-server",
  destination: { write: (line) => line.includes('"level":"error"') && process.stderr.write(line) },
});
const server = await createAuthServer({ configuration: configurationOf(options), operatorLog });
await server.listen();
process.on("disconnect", () => process.exit());
process.on("message", (question) => void answer(question as Question));
process.send!({ issuer, startMs: performance.now() - began });

type Question = { readonly append: number } | { readonly memory: true };

async function answer(question: Question): Promise<void> {
  if ("append" in question) process.send!(await append(server, question.append));
  else process.send!({ rss: process.memoryUsage().rss });
}

/** One unit a batch, one after the other: each goes to every reader as an event of its own. */
async function append({ storage }: AuthServer, batches: number): Promise<object> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let at = 0; at < batches; at++) {
    const key = randomBytes(16).toString("base64url");
    await storage.write(async (transaction) => {
      await transaction.append([{ scope: "session", mode: "kill", reason: "kicked", key }]);
    });
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - start, head: storage.log.head() };
}

function configurationOf({ dataDirectory, database, redis }: ServerOptions) {
  const client = ({ id, secret }: typeof ADMIN, scope: string) => ({
    clientId: id,
    name: id,
    clientSecret: secret,
    grantTypes: ["client_credentials"],
    resources: { [`${issuer}/api`]: [scope] },
  });
  return resolveConfiguration({
    issuer,
    listen: { host: "127.0.0.1", port },
    dataDirectory,
    maxLiveRevocations: 100_000_000,
    ...(database === undefined ? {} : { database }),
    ...(redis === undefined ? {} : { redis }),
    clients: [
      client(ADMIN, "revocations.write"),
      ...VERIFIERS.map((verifier) => client(verifier, "revocations.read")),
    ],
  });
}
