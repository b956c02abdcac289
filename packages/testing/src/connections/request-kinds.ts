/** A request as bytes. Not each is a good one: what a parser refuses is cut, too. */
export interface RawRequest {
  readonly name: string;
  readonly bytes: Buffer;
  /** Where cuts begin to differ from those of another request: behind a long token, for example. */
  readonly cutsFrom: number;
}

/** One of each kind that an HTTP/1.1 parser, or what stands behind it, treats in its own way. */
export function requestKinds(path: string, fields: readonly string[] = []): RawRequest[] {
  const head = (line: string, ...more: string[]): string =>
    `${[line, ...fields, "Host: a.test", ...more].join("\r\n")}\r\n\r\n`;
  const get = head(`GET ${path} HTTP/1.1`);
  const texts: Record<string, string> = {
    GET: get,
    "POST with a length": `${head(`POST ${path} HTTP/1.1`, "Content-Length: 12")}{"item":"a"}`,
    "POST in chunks": `${head(`POST ${path} HTTP/1.1`, "Transfer-Encoding: chunked")}4\r\nbody\r\n3\r\nabc\r\n0\r\n\r\n`,
    "Expect: 100-continue": `${head(`POST ${path} HTTP/1.1`, "Content-Length: 4", "Expect: 100-continue")}body`,
    "Expect of another kind": `${head(`PUT ${path} HTTP/1.1`, "Content-Length: 4", "Expect: tea")}body`,
    CONNECT: `${head("CONNECT h:443 HTTP/1.1")}tunnelled bytes`,
    "Upgrade to a WebSocket": `${head(
      `GET ${path} HTTP/1.1`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )}frames`,
    "Upgrade to h2c": `${head(`GET ${path} HTTP/1.1`, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")}frames`,
    "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0",
    pipelined: get + get + get,
    "GET with CONNECT behind it": get + head("CONNECT h:443 HTTP/1.1"),
    "two lengths": `${head(`POST ${path} HTTP/1.1`, "Content-Length: 1", "Content-Length: 2")}ab`,
    "no request at all": "\u0001\u0002not HTTP\r\n\r\n",
    "a chunk of no size": `${head(`POST ${path} HTTP/1.1`, "Transfer-Encoding: chunked")}zz\r\nbody\r\n`,
    "absolute form": head(`GET http://a.test${path} HTTP/1.1`),
    "OPTIONS *": head("OPTIONS * HTTP/1.1"),
    "HTTP/1.0": `GET ${path} HTTP/1.0\r\n\r\n`,
    "TLS hello": tlsHello,
  };
  return Object.entries(texts).map(([name, text]) => ({
    name,
    bytes: Buffer.from(text, "latin1"),
    cutsFrom: fields.length === 0 ? 0 : Math.max(0, text.indexOf("Host:")),
  }));
}

/** The beginning of a ClientHello: record, handshake header, version, random, session id, three suites. */
const tlsHello = Buffer.from(
  `16030100330100002f0303${"5a".repeat(32)}000006130113021303010000`,
  "hex",
).toString("latin1");
