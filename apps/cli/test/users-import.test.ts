import assert from "node:assert/strict";
import { Readable } from "node:stream";
import test from "node:test";
import { EXIT } from "../src/index.ts";
import { type CliUnderTest, cliUnderTest, fileWith } from "./cli-under-test.ts";

test("users are imported from a file: bad lines are named, and the file may be sent again", async (t) => {
  const cli = await cliUnderTest(t);
  const lines = Array.from({ length: 450 }, (_, at) => JSON.stringify({ username: `user-${at}` }));
  lines[210] = '{"username":"a@b"}';
  const file = await fileWith(t, `${lines.join("\n")}\n`);
  const { code, out, err } = await cli.run(["users", "import", file]);
  assert.deepEqual([code, out], [EXIT.error, "Imported: 449 created, 0 unchanged, 1 failed.\n"]);
  assert.match(err, /^line 211: username: /m);
  assert.match(err, /^200 lines: 200 created, 0 unchanged, 0 failed$/m);
  lines[210] = JSON.stringify({ username: "mended" });
  const mended = await fileWith(t, lines.join("\n"));
  const again = await cli.run(["users", "import", mended, "--json"]);
  assert.deepEqual(
    [again.code, JSON.parse(again.out)],
    [EXIT.ok, { lines: 450, created: 1, unchanged: 449, failed: 0 }],
  );
  const rest = await cli.run(["users", "import", mended, "--from", "441"]);
  assert.equal(rest.out, "Imported: 0 created, 10 unchanged, 0 failed.\n");
  const exported = (await cli.run("users export")).out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(exported.filter(({ username }) => /^user-|^mended/.test(username)).length, 450);
  assert.equal((await cli.run("users import nowhere.ndjson")).code, EXIT.usage);
});

const userLines = (count: number): string =>
  Array.from({ length: count }, (_, at) => `${JSON.stringify({ username: `user-${at}` })}\n`).join("");

/** Sends the second part in two: what comes after the first 50 lines only when these are answered, and the client's tokens revoked. */
function revokedInSecondPart(cli: CliUnderTest): typeof fetch {
  let parts = 0;
  return async (url, init) => {
    if (!String(url).endsWith("/users/import") || ++parts !== 2) return fetch(url, init);
    const lines = String(init!.body).split(/(?<=\n)/);
    const firstIsAnswered = Promise.withResolvers<void>();
    async function* body() {
      yield Buffer.from(lines.slice(0, 50).join(""));
      await firstIsAnswered.promise;
      assert.equal((await cli.run("revoke client admin --yes")).code, EXIT.ok);
      yield Buffer.from(lines.slice(50).join(""));
    }
    const response = await fetch(url, {
      ...init,
      body: Readable.toWeb(Readable.from(body())),
      duplex: "half",
    } as RequestInit);
    const [seen, rest] = response.body!.tee();
    await seen.getReader().read();
    firstIsAnswered.resolve();
    return new Response(rest, response);
  };
}

test("an import that is cut says from which line on nothing was stored, and goes on from there", async (t) => {
  const cli = await cliUnderTest(t);
  const file = await fileWith(t, userLines(450));
  const { code, err } = await cli.run(["users", "import", file], { fetch: revokedInSecondPart(cli) });
  assert.equal(code, EXIT.error);
  assert.match(err, /^Stopped before line 251\. To go on: add --from 251$/m);
  assert.match(err, /^portcullis: .*nothing of this line and of those after it was stored\.$/m);
  const rest = await cli.run(["users", "import", file, "--from", "251"]);
  assert.equal(rest.out, "Imported: 200 created, 0 unchanged, 0 failed.\n");
  const again = await cli.run(["users", "import", file]);
  assert.equal(again.out, "Imported: 0 created, 450 unchanged, 0 failed.\n");
});

test("an import that is cut at the last line of a part is told from one whose last line is bad", async (t) => {
  const cli = await cliUnderTest(t);
  const file = await fileWith(t, userLines(251));
  const { code, err } = await cli.run(["users", "import", file], { fetch: revokedInSecondPart(cli) });
  assert.equal(code, EXIT.error);
  assert.match(err, /^Stopped before line 251\. To go on: add --from 251$/m);
});

test("lines end where JSON lines do, and not at a separator within a text", async (t) => {
  const cli = await cliUnderTest(t);
  const user = { username: "erin", attributes: { motto: "one\u2028two\u2029three" } };
  const file = await fileWith(t, `${JSON.stringify(user)}\r\n\n{"username":"a@b"}\n`);
  const { out, err } = await cli.run(["users", "import", file]);
  assert.equal(out, "Imported: 1 created, 0 unchanged, 1 failed.\n");
  assert.match(err, /^line 3: username: /m);
});
