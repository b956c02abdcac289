/** A service whose guard cannot reach its issuer, or is not let in, learns why: from a real authorization server. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, mock, test } from "node:test";
import { type ConnectedGuard, type ConnectOptions, connect } from "@portcullis/guard";
import { TIME_LIMIT } from "@portcullis/testing";
import {
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../apps/auth-server/test/oidc/server-under-test.ts";

const secretOf = (client: string): string => `${client}-secret-0123456789abcdef`;

let server: ServerUnderTest;
let spoken: Spoken;
let guards: ConnectedGuard[];
before(async () => {
  server = await startServer();
});
after(() => server.stop());
beforeEach(() => {
  guards = [];
  spoken = new Spoken();
  mock.method(console, "warn", (line: string) => spoken.add(line));
});
afterEach(async () => {
  mock.restoreAll();
  await Promise.all(guards.map((guard) => guard.close()));
});

/** Lines of the console, each to be waited for. */
class Spoken {
  readonly #lines: string[] = [];
  #arrived = Promise.withResolvers<void>();

  add(line: string): void {
    this.#lines.push(line);
    this.#arrived.resolve();
  }

  async next(): Promise<string> {
    while (this.#lines.length === 0) await this.#arrived.promise;
    this.#arrived = Promise.withResolvers();
    return this.#lines.shift()!;
  }
}

function connected(options: Partial<ConnectOptions>): ConnectedGuard {
  const client = { clientId: "orders", clientSecret: secretOf("orders") };
  const guard = connect({
    issuer: server.issuer,
    audience: RESOURCE,
    ...client,
    name: "orders-1",
    ...options,
  });
  guards.push(guard);
  return guard;
}

interface Mistake {
  readonly what: string;
  readonly options: () => Partial<ConnectOptions>;
  readonly says: (issuer: string) => string;
}

const MISTAKES: readonly Mistake[] = [
  {
    what: "a wrong secret",
    options: () => ({ clientSecret: secretOf("other") }),
    says: (issuer) => `${issuer} does not accept the client orders with this secret.`,
  },
  {
    what: "a client that the issuer does not know",
    options: () => ({ clientId: "nobody" }),
    says: (issuer) => `${issuer} does not accept the client nobody with this secret.`,
  },
  {
    what: "a client without the scope of a verifier",
    options: () => ({ clientId: "service", clientSecret: secretOf("service") }),
    says: (issuer) => `The client service lacks the scope revocations.read at ${issuer}.`,
  },
  {
    what: "a slash at the end of the issuer",
    options: () => ({ issuer: `${server.issuer}/` }),
    says: (issuer) => `issuer: found "${issuer}/", and the metadata there is of "${issuer}".`,
  },
  {
    what: "another name of the issuer's machine",
    options: () => ({ issuer: server.issuer.replace("127.0.0.1", "localhost") }),
    says: (issuer) =>
      `issuer: found "${issuer.replace("127.0.0.1", "localhost")}", and the metadata there is of "${issuer}".`,
  },
  {
    what: "an issuer below a path where there is none",
    options: () => ({ issuer: `${server.issuer}/auth` }),
    says: (issuer) => `${issuer}/auth publishes no metadata (RFC 8414).`,
  },
];

for (const { what, options, says } of MISTAKES) {
  test(`${what} is told with what to do, and to whoever waits`, TIME_LIMIT, async () => {
    const guard = connected(options());
    const giveUp = new AbortController();
    const ready = guard.whenReady(giveUp.signal);
    const line = await spoken.next();
    assert.ok(line.includes(says(server.issuer)), line);
    assert.match(line, /It tries again by itself\.$/);
    assert.ok(!line.includes("0123456789abcdef"), "no secret");
    giveUp.abort(new Error("enough"));
    await assert.rejects(ready, (error: Error & { code: string }) => {
      assert.equal(error.code, "not_ready");
      return error.message.includes(says(server.issuer));
    });
    const decision = await guard.authenticate("Bearer anything");
    assert.ok(decision.outcome === "deny" && decision.status === 503);
  });
}

test(
  "the client that the line tells to register is one with which the guard becomes ready",
  TIME_LIMIT,
  async () => {
    connected({ clientSecret: "wrong" });
    const line = await spoken.next();
    const registered = /grantTypes: \[(\w+)\], resources: \{ "([^"]+)": \[([\w.]+)\] \}/.exec(line)!.slice(1);
    assert.deepEqual(registered, ["client_credentials", `${server.issuer}/api`, "revocations.read"]);
    await connected({ clientId: "orders" }).whenReady();
  },
);

test(
  "a server that is started after the guard ends the trouble, and the guard says so",
  TIME_LIMIT,
  async () => {
    const later = await startServer();
    try {
      later.server.app.server.closeAllConnections();
      await later.server.close();
      const guard = connected({ issuer: later.issuer });
      assert.match(
        await spoken.next(),
        /refuses the connection\. Is the authorization server running there\?/,
      );
      await later.startAgain();
      await guard.whenReady();
      assert.match(await spoken.next(), /^portcullis guard "orders-1": It works again/);
      await guard.close();
    } finally {
      await later.stop();
    }
  },
);
