import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, LookupFunction } from "node:net";
import { type TestContext, test } from "node:test";
import { openOutgoing, privateTargets } from "../../src/outgoing/index.ts";

async function serve(t: TestContext, answer: RequestListener, host = "127.0.0.1"): Promise<number> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Resolving {
  readonly entries?: readonly string[];
  /** What names resolve to, look-up after look-up; the last one stays. */
  readonly addresses?: readonly (readonly string[])[];
}

function outgoing(t: TestContext, { entries = [], addresses = [["127.0.0.1"]] }: Resolving = {}) {
  const lookedUp: string[] = [];
  const lookup: LookupFunction = (hostname, _options, callback) => {
    const found = addresses[Math.min(lookedUp.push(hostname), addresses.length) - 1]!;
    callback(
      null,
      found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  const opened = openOutgoing({ targets: privateTargets(entries), lookup });
  t.after(() => opened.close());
  return { ...opened, lookedUp };
}

const REFUSED = { code: "target_refused" };

test("a host that the operator has listed is asked, by plain HTTP too", async (t) => {
  const port = await serve(t, ({ method, headers }, response) => {
    let body = "";
    response.req.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    response.req.on("end", () =>
      response.writeHead(202, { "x-seen": "1" }).end(`${method} ${headers["x-a"]} ${body}`),
    );
  });
  const { fetch } = outgoing(t, { entries: [`app.internal:${port}`] });
  const answer = await fetch(`http://app.internal:${port}/path?q`, {
    method: "POST",
    headers: { "X-A": "a" },
    body: "b=1",
  });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get("x-seen"), "1");
  assert.equal(await answer.text(), "POST a b=1");
});

test("nothing of this machine or its network is asked, however its address is written", async (t) => {
  let asked = 0;
  const port = await serve(t, (_request, response) => response.end(String(++asked)), "::");
  const { fetch } = outgoing(t);
  for (const host of [
    ...["127.0.0.1", "0177.0.0.1", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "[::1]", "[::]"],
    ...["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]"],
    ...["10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]"],
  ]) {
    for (const scheme of ["http", "https"]) {
      await assert.rejects(fetch(`${scheme}://${host}:${port}/`), REFUSED, `${scheme}://${host}`);
    }
  }
  assert.equal(asked, 0);
});

test("a name is judged by the address that it resolves to", async (t) => {
  let asked = 0;
  const port = await serve(t, (_request, response) => response.end(String(++asked)));
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "169.254.169.254", "fd12::1"]) {
    const { fetch, lookedUp } = outgoing(t, { addresses: [[address]] });
    await assert.rejects(fetch(`https://public.example:${port}/`), REFUSED, address);
    assert.deepEqual(lookedUp, ["public.example"]);
  }
  assert.equal(asked, 0);
});

test("a name that resolves to another address a moment later leads nowhere", async (t) => {
  const port = await serve(
    t,
    (_request, response) => {
      response.setHeader("connection", "close");
      response.end("asked");
    },
    "0.0.0.0",
  );
  const { fetch, lookedUp } = outgoing(t, {
    entries: ["127.0.0.1/32"],
    addresses: [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2", "127.0.0.1"]],
  });
  const url = `http://rebinding.example:${port}/`;
  assert.equal(await (await fetch(url)).text(), "asked");
  assert.equal(lookedUp.length, 1, "the address that was judged is the one that is connected to");
  await assert.rejects(fetch(url), REFUSED);
  assert.equal((await fetch(url)).status, 200, "of several addresses those that are allowed are taken");
});

test("plain HTTP is not for public addresses, and no other scheme is for any", async (t) => {
  const { fetch, problemOf, lookedUp } = outgoing(t);
  for (const url of [
    "http://public.example/",
    "http://1.1.1.1/",
    "ftp://public.example/",
    "file:///etc/passwd",
    "data:,x",
  ]) {
    await assert.rejects(fetch(url), REFUSED, url);
    assert.notEqual(problemOf(url), undefined);
  }
  await assert.rejects(fetch("https://user:secret@public.example/"), REFUSED);
  assert.deepEqual(lookedUp, []);
  assert.equal(problemOf("https://public.example/keys"), undefined);
  assert.equal(problemOf("https://public.example"), undefined);
  for (const url of [
    "https://public.example\\@1.1.1.1/",
    "https://Public.example/keys",
    "https://public.example/a/../keys",
  ])
    assert.match(problemOf(url)!, /normal form, https:\/\/public\.example\//, url);
  assert.equal(problemOf("https://1.1.1.1/keys"), undefined);
});

test("a redirect is answered as it is, and not followed", async (t) => {
  let asked = 0;
  const port = await serve(t, (_request, response) => {
    asked++;
    response.writeHead(302, { location: "/other" }).end();
  });
  const { fetch } = outgoing(t, { entries: ["127.0.0.1"] });
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  assert.deepEqual([answer.status, answer.headers.get("location"), asked], [302, "/other", 1]);
});

test("an answer without end is broken off", async (t) => {
  let isBroken: (() => void) | undefined;
  const broken = new Promise<void>((resolve) => {
    isBroken = resolve;
  });
  const port = await serve(t, (_request, response) => {
    const send = () => response.write("x".repeat(1000)) || response.once("drain", send);
    const timer = setInterval(send, 1);
    response.on("close", () => {
      clearInterval(timer);
      isBroken!();
    });
  });
  const { fetch } = outgoing(t, { entries: ["127.0.0.1"] });
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`, { maxBytes: 10_000 }), {
    code: "answer_too_large",
  });
  await broken;
});

test("a target that stays silent is given up, and who no longer waits is heard", async (t) => {
  const port = await serve(t, () => {});
  const { fetch } = outgoing(t, { entries: ["127.0.0.1"] });
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`, { timeoutMs: 50 }), { code: "target_timed_out" });
  const reason = new Error("enough");
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.abort(reason) }), reason);
});

test("a target that is not there is unreachable", async (t) => {
  const { fetch } = outgoing(t, { entries: ["127.0.0.1"] });
  await assert.rejects(fetch("http://127.0.0.1:1/"), { code: "target_unreachable" });
});

test("a size that the answer has packed does not matter: it is not unpacked", async (t) => {
  const port = await serve(t, ({ headers }, response) => response.end(String(headers["accept-encoding"])));
  const { fetch } = outgoing(t, { entries: ["127.0.0.1"] });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "undefined");
});
