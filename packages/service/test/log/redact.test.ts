import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, it } from "node:test";
import { createLog } from "@portcullis/service";

const lines: string[] = [];
const log = createLog({
  name: "gateway",
  destination: { write: (line) => void lines.push(line) },
  clock: { wallMs: () => 0 },
});

function lineOf(event: Record<string, unknown>): string {
  lines.length = 0;
  log.info(event);
  assert.equal(lines.length, 1);
  assert.ok(lines[0]!.endsWith("\n"));
  return lines[0]!;
}

describe("a line of the log", () => {
  it("is JSON, with its level, time, process and event", () => {
    assert.deepEqual(JSON.parse(lineOf({ event: "ready", port: 8400 })), {
      level: "info",
      time: "1970-01-01T00:00:00.000Z",
      process: "gateway",
      pid: process.pid,
      event: "ready",
      port: 8400,
    });
  });

  it("tells an error's type, code, text and cause, and where it was made, by whatever name", () => {
    const cause = Object.assign(new Error("disk full"), { code: "SQLITE_FULL" });
    for (const name of ["error", "err", "reason"]) {
      const error = JSON.parse(lineOf({ event: "failed", [name]: new Error("not stored", { cause }) }))[name];
      assert.equal(error.text, "not stored");
      assert.equal(error.cause.code, "SQLITE_FULL");
      assert.match(error.at[0], /redact\.test\.ts/);
    }
  });

  it("stays short whatever an error quotes, and has no half of a secret at its cut", () => {
    const secret = "XArYj-t-9y_P4xk3Mh5VS6SCTES_O7FGEXsj5_dsB1o";
    const said = `${"x ".repeat(495)}${secret} ${"y\n".repeat(200_000)}`;
    const error = Object.assign(new Error(said, { cause: new Error(said, { cause: said }) }), {
      detail: said,
    });
    const line = lineOf({ event: "failed", error });
    assert.ok(line.length < 12_000, `${line.length} characters`);
    assert.doesNotMatch(line, /XArYj/);
    assert.match(JSON.parse(line).error.text, /^x x .*\[cut\].*\.\.\.$/s);
  });

  it("tells which log and which key it is about, which are random and public", () => {
    const event = { event: "live", incarnation: "6t-CwZzBvOQJgJ-bsatQxQ", kid: "V9BA6BtQw1n2m3l4k5j6h7" };
    const { incarnation, kid } = JSON.parse(lineOf(event));
    assert.deepEqual({ incarnation, kid }, { incarnation: event.incarnation, kid: event.kid });
  });

  it("has no secret in what is put into its text, nor in what a child adds to each line", () => {
    lines.length = 0;
    log.info("asked by %j and %o", { password: "hunter2" }, { token: "hunter2" });
    log.child({ accessToken: "hunter2" }).info({ event: "asked" });
    log.info({
      event: "asked",
      url: "https://app.example/callback?code=abcdefghijklmnopqrstuvwx&state=hunter2",
    });
    assert.equal(lines.length, 3);
    for (const line of lines) assert.doesNotMatch(line, /hunter2|abcdefghijkl/);
  });

  const MEMBERS: Readonly<Record<string, unknown>> = {
    authorization: "Bearer hunter2",
    Authorization: "Basic aHVudGVyMg",
    "proxy-authorization": "hunter2",
    cookie: "id=hunter2",
    "set-cookie": ["id=hunter2; HttpOnly"],
    accessToken: "hunter2",
    refresh_token: "hunter2",
    id_token_hint: "hunter2",
    "txn-token": "hunter2",
    clientSecret: "hunter2",
    client_secret: { value: "hunter2" },
    password: "hunter2",
    dpop: "hunter2",
    client_assertion: "hunter2",
    code_verifier: "hunter2",
    apiKey: "hunter2",
    privateKey: "hunter2",
  };
  for (const [name, value] of Object.entries(MEMBERS)) {
    it(`never has what is called ${name}, wherever it stands`, () => {
      for (const event of [
        { [name]: value },
        { headers: { [name]: value } },
        { a: [{ b: { [name]: value } }] },
      ]) {
        const line = lineOf({ event: "x", ...event });
        assert.ok(!/hunter2|aHVudGVyMg/.test(line), line);
        assert.ok(line.includes("[cut]"));
      }
    });
  }

  const TEXTS = [
    "Bearer hunter2",
    "authorization: hunter2",
    "Cookie: a=b; id=hunter2",
    "https://app.example/callback?access_token=hunter2&x=1",
    "grant_type=password&password=hunter2",
    "client_secret=hunter2",
    "postgres://portcullis:hunter2@db.example:5432/portcullis",
    "redis://:hunter2@127.0.0.1",
  ];
  for (const text of TEXTS) {
    it(`never has the secret of ${JSON.stringify(text)}`, () => {
      for (const event of [
        { detail: text },
        { error: new Error(text) },
        { error: new Error("x", { cause: new Error(text) }) },
      ]) {
        assert.ok(!lineOf({ event: "x", ...event }).includes("hunter2"));
      }
      log.warn(text);
      assert.ok(!lines.at(-1)!.includes("hunter2"));
    });
  }

  const RANDOM = [
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwIn0aaaa1.c2lnbmF0dXJlMTIzNDU2",
    "XArYj-t-9y_P4xk3Mh5VS6SCTES_O7FGEXsj5_dsB1o",
    "h6k4uWEVMWgh2nKNhaZn4A",
  ];
  for (const secret of RANDOM) {
    it(`never has ${secret.slice(0, 6)}..., which is random and long, in whatever is said`, () => {
      for (const text of [
        secret,
        `token ${secret} not found`,
        `value="${secret}"`,
        `code=${secret}&state=1`,
      ]) {
        assert.ok(!lineOf({ event: "failed", error: new Error(text) }).includes(secret), text);
        assert.ok(!lineOf({ event: "failed", detail: text }).includes(secret), text);
      }
    });
  }

  it("has of a request no more than its type", () => {
    const request = new IncomingMessage(new Socket());
    request.headers.authorization = "Bearer hunter2";
    const { req } = JSON.parse(lineOf({ event: "x", req: request }));
    assert.equal(req, "[IncomingMessage]");
  });

  it("survives a value that holds itself", () => {
    const value: Record<string, unknown> = { name: "x" };
    value.self = value;
    assert.equal(JSON.parse(lineOf({ event: "x", value })).value.name, "x");
  });

  it("leaves words, paths, codes, addresses and counts alone", () => {
    for (const detail of [
      "temporarily_unavailable",
      "/srv/apps/auth-server/src/oidc/own-token.ts:12:3",
      "https://login.example/orders/7?page=2",
      "gateway-3f9a1c2b",
    ]) {
      assert.ok(lineOf({ event: "failed", detail }).includes(detail), detail);
    }
    const { code, tokens } = JSON.parse(lineOf({ event: "x", code: "refresh_reuse", tokens: 3 }));
    assert.deepEqual([code, tokens], ["refresh_reuse", 3]);
  });
});
