import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { createHttpServer, refuseUnparsable } from "../../src/index.ts";

/** Whatever comes until the connection ends. Throws if it is reset. */
async function answerTo(port: number, chunks: readonly string[]): Promise<string> {
  const client = connect(port, "127.0.0.1");
  let answer = "";
  client.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  for (const chunk of chunks) client.write(chunk);
  await once(client, "close");
  return answer;
}

const headers = (count: number, value: string): string =>
  Array.from({ length: count }, (_, at) => `X-${at}: ${value}\r\n`).join("");

for (const [what, chunks, status] of [
  ["1,500 headers that are too large together", [headers(1500, "y".repeat(50)), "\r\n"], 431],
  ["headers of half a mebibyte", [headers(1000, "y".repeat(500)), "\r\n"], 431],
  ["headers that go on in further chunks", [headers(3000, "y"), headers(3000, "z"), headers(9000, "z")], 431],
  ["what is no HTTP", ["no header\r\n", "x".repeat(300_000)], 400],
] as const) {
  test(`${what}: answered before the connection ends, and not reset`, async (t) => {
    const server = createHttpServer({}, (_, response) => response.end());
    t.after(() => server.close());
    server.on("clientError", refuseUnparsable);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const answer = await answerTo(port, ["GET / HTTP/1.1\r\nHost: h\r\n", ...chunks]);
    const [head, body] = answer.split("\r\n\r\n");
    assert.match(head!, new RegExp(`^HTTP/1.1 ${status} `));
    assert.equal(JSON.parse(body!).statusCode, status);
  });
}

test("whoever does not stop sending is cut off", async (t) => {
  const server = createHttpServer({});
  t.after(() => server.close());
  server.on("clientError", refuseUnparsable);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.on("error", () => undefined);
  const closed = new Promise((resolve) => client.on("close", resolve));
  const send = (): void => void client.write("x".repeat(65_536), (error) => error ?? send());
  send();
  await closed;
});
