/** Prefaces of the PROXY protocol, as a load balancer sends them. */
import ipaddr from "ipaddr.js";

export const version1 = (source: string): string =>
  source.includes(":")
    ? `PROXY TCP6 ${source} ::1 4711 443\r\n`
    : `PROXY TCP4 ${source} 127.0.0.1 4711 443\r\n`;

interface Version2 {
  readonly command?: number;
  readonly family?: number;
  readonly extensions?: Buffer;
}

export function version2(source: string, { command = 0x21, family, extensions }: Version2 = {}): Buffer {
  const address = Buffer.from(ipaddr.parse(source).toByteArray());
  const body = Buffer.concat([address, address, Buffer.from([0, 1, 0, 2]), extensions ?? Buffer.alloc(0)]);
  const head = Buffer.from("\r\n\r\n\0\r\nQUIT\n\0\0\0\0", "latin1");
  head[12] = command;
  head[13] = family ?? (source.includes(":") ? 0x21 : 0x11);
  head.writeUInt16BE(body.length, 14);
  return Buffer.concat([head, body]);
}
