/** A server whose database is not there, or does not let it in, says so in one line and does not start. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { TIME_LIMIT } from "@portcullis/testing";
import { freePort } from "@portcullis/testing/ports";
import { type PostgresServer, startPostgres } from "@portcullis/testing/servers";
import pg from "pg";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

let directory: string;
let postgres: PostgresServer;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "portcullis-database-at-start-"));
  postgres = await startPostgres({ fsync: false });
  const client = new pg.Client({ connectionString: postgres.url() });
  await client.connect();
  await client.query("create user portcullis password 'the-right-one'");
  await client.query("create database portcullis owner portcullis");
  await client.end();
  const rules = [
    "host all postgres 127.0.0.1/32 trust",
    "host portcullis portcullis 127.0.0.1/32 scram-sha-256",
  ];
  await writeFile(join(postgres.dataFolder, "pg_hba.conf"), `${rules.join("\n")}\n`);
  await postgres.restart();
});
after(async () => {
  await postgres.stop();
  await rm(directory, { recursive: true });
});

/** Starts the program on this database, and gives its end and what it said; the library's own line left out. */
async function endOf(url: string): Promise<{ code: number | null; lines: string[] }> {
  const port = await freePort();
  const file = join(directory, `${port}.json`);
  const document = {
    issuer: `http://127.0.0.1:${port}`,
    listen: { host: "127.0.0.1", port },
    dataDirectory: join(directory, "data"),
    database: { kind: "postgres", url },
  };
  await writeFile(file, JSON.stringify(document));
  const options = { execArgv: ["--conditions=@portcullis/source"], silent: true };
  const child = fork(MAIN, ["--config", file], options);
  // It listens: it is told to stop, and ends well.
  child.once("message", () => child.kill());
  const [errors, [code]] = await Promise.all([text(child.stderr!), once(child, "exit")]);
  const lines = errors.split("\n").filter((line) => line !== "" && !line.startsWith("oidc-provider WARNING"));
  return { code, lines };
}

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => void socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as { port: number }).port };
}

async function saysInOneLine(url: string, says: RegExp): Promise<void> {
  const { code, lines } = await endOf(url);
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0]!, says);
  assert.match(lines[0]!, /See database\.url in the configuration\.$/);
  assert.ok(!lines[0]!.includes("-one"), "no password");
  assert.notEqual(code, 0);
}

test("a database that is down is named with host, port and cause", TIME_LIMIT, async () => {
  const port = await freePort();
  await saysInOneLine(
    `postgres://portcullis:the-right-one@127.0.0.1:${port}/portcullis`,
    new RegExp(
      `PostgreSQL at 127\\.0\\.0\\.1:${port} \\(database portcullis, user portcullis\\) refuses the connection \\(ECONNREFUSED\\)\\. Is it running there\\?`,
    ),
  );
});

test("a host that is not known is named", TIME_LIMIT, async () => {
  await saysInOneLine(
    "postgres://portcullis:the-right-one@nowhere.invalid:5432/portcullis",
    /PostgreSQL at nowhere\.invalid:5432 .*(ENOTFOUND|EAI_AGAIN)/,
  );
});

test("a port where something else listens is told apart", TIME_LIMIT, async (t) => {
  const { server, port } = await listening();
  t.after(() => server.close());
  await saysInOneLine(
    `postgres://portcullis:the-right-one@127.0.0.1:${port}/portcullis`,
    new RegExp(`PostgreSQL at 127\\.0\\.0\\.1:${port} `),
  );
});

test("a wrong password is told with the user, and without the password", TIME_LIMIT, async () => {
  await saysInOneLine(
    `postgres://portcullis:a-wrong-one@127.0.0.1:${postgres.port}/portcullis`,
    /does not accept the password of the user portcullis \(28P01\)\./,
  );
});

test("no password where one is wanted is told", TIME_LIMIT, async () => {
  await saysInOneLine(
    `postgres://portcullis@127.0.0.1:${postgres.port}/portcullis`,
    /wants a password, and none is given\./,
  );
});

test("a user who may not come in is told where that is decided", TIME_LIMIT, async () => {
  await saysInOneLine(
    `postgres://stranger:the-right-one@127.0.0.1:${postgres.port}/portcullis`,
    /does not let the user stranger in \(28000\)\. See its pg_hba\.conf\./,
  );
});

test("a database that does not exist is named", TIME_LIMIT, async () => {
  await saysInOneLine(
    `postgres://postgres@127.0.0.1:${postgres.port}/portcullsi`,
    /has no database portcullsi \(3D000\)\. Create it first\./,
  );
});

test("with the right password it starts", TIME_LIMIT, async () => {
  const { code, lines } = await endOf(
    `postgres://portcullis:the-right-one@127.0.0.1:${postgres.port}/portcullis`,
  );
  assert.equal(code, 0, lines.join("\n"));
});
