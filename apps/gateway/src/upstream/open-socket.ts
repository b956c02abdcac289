import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { OpenSocket } from "./connection.ts";

/**
 * What all sockets read into, one after another: a read and what is done with it happen in one go, so that
 * nothing of one connection can be seen by the next. Otherwise every read makes a buffer of 64 KiB, to be
 * collected for a hundred bytes.
 */
const shared = Buffer.allocUnsafeSlow(65_536);

/** How to open a connection to this origin; certificates of `https` are verified against its host name. */
export function socketTo({ protocol, hostname, port }: URL): OpenSocket {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol === "http:") {
    return (onData) => {
      const callback = (count: number): boolean => {
        onData(shared.subarray(0, count));
        return true;
      };
      return connect({
        host,
        port: Number(port || 80),
        noDelay: true,
        onread: { buffer: shared, callback },
      });
    };
  }
  return (onData) => {
    const options = { host, port: Number(port || 443), ALPNProtocols: ["http/1.1"] };
    // Server names are host names (RFC 6066, section 3); an address is checked against the certificate all the same.
    const named = isIP(host) === 0 ? { ...options, servername: host } : options;
    return connectTls(named).setNoDelay().on("data", onData);
  };
}
