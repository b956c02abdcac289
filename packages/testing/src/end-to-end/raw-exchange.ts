import { once } from "node:events";
import { connect } from "node:net";
import { PATIENCE_MS } from "../patience.ts";

/**
 * The status of the first answer to a request written byte by byte: for what no HTTP client would send. Undefined if
 * the server closed without an answer.
 */
export async function rawStatus(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no answer from ${url}`)));
  const lines = Object.entries({ host, connection: "close", ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.write([`GET ${pathname} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    if (received.includes("\r\n")) socket.destroy();
  });
  await once(socket, "close");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(received)?.[1];
  return status === undefined ? undefined : Number(status);
}
