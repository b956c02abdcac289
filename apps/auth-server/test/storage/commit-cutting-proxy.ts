import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";

/** Before PostgreSQL: lets the next COMMIT through, and cuts the connection when the answer comes. */
export async function commitCuttingProxy(target: number) {
  let armed = false;
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let cuts = false;
    client.on("data", (chunk) => {
      if (armed && chunk.includes("commit\0")) {
        armed = false;
        cuts = true;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => (cuts ? client.destroy() : client.write(chunk)));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cutAfterNextCommit: () => {
      armed = true;
    },
    close: () => server.close(),
  };
}
