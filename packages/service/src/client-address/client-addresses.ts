import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { parseAddress } from "./address.ts";
import { forwardedHops, type Hops, xForwardedForHops } from "./forwarding-headers.ts";
import { addressesIn } from "./networks.ts";
import { readPreface } from "./read-preface.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

export interface ClientAddresses {
  /** Before the server listens: each connection's address is taken while it is open. */
  watch(server: Server): Server;
  /** A factory whose servers are all watched: a framework may make more than one. */
  watching<Input extends unknown[]>(makeServer: (...input: Input) => Server): (...input: Input) => Server;
  /** In its one spelling; `unknown` when the system could not tell. */
  of(request: IncomingMessage): string;
}

interface Peer {
  readonly address: string;
  readonly isTrusted: boolean;
}

const UNKNOWN = "unknown";
/** More proxies in a row than this are a loop. */
const MAX_HOPS = 32;

interface ClientAddressOptions {
  readonly prefaceLimitMs?: number;
}

export function createClientAddresses(
  trusted: TrustedProxies | undefined,
  options: ClientAddressOptions = {},
): ClientAddresses {
  const isTrusted = trusted === undefined ? () => false : addressesIn(trusted.addresses);
  const peerAt = (address: string): Peer => ({ address, isTrusted: isTrusted(address) });
  const peers = new WeakMap<Socket, Peer>();
  const hopsOf = trusted?.header === undefined ? undefined : HOPS[trusted.header];

  function greet(socket: Socket, goOn: () => void): void {
    const peer = peerAt(addressOf(socket));
    peers.set(socket, peer);
    if (trusted?.proxyProtocol !== true || !peer.isTrusted) {
      goOn();
      return;
    }
    readPreface(socket, {
      ...(options.prefaceLimitMs === undefined ? {} : { limitMs: options.prefaceLimitMs }),
      onEnd(source) {
        if (source !== undefined) peers.set(socket, peerAt(source));
        goOn();
      },
    });
  }

  function watch(server: Server): Server {
    // Node would silently drop the lines beyond the 2000th: the proxy's own, which comes last, behind those of a client.
    server.maxHeadersCount = 0;
    beforeHttp(server, greet);
    return server;
  }

  return {
    watch,
    watching:
      (makeServer) =>
      (...input) =>
        watch(makeServer(...input)),
    of(request) {
      const peer = peers.get(request.socket) ?? peerAt(UNKNOWN);
      if (hopsOf === undefined || !peer.isTrusted) return peer.address;
      return lastBelieved(peer.address, hopsOf(request), isTrusted);
    },
  };
}

/** A zone is of our own interfaces and says nothing about who it is. */
const addressOf = ({ remoteAddress }: Socket): string =>
  parseAddress(remoteAddress?.replace(/%.*$/, "") ?? "") ?? UNKNOWN;

/** Each connection goes to `first`, and to the listeners that the server has now when that says so. */
function beforeHttp(server: Server, first: (socket: Socket, goOn: () => void) => void): void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) =>
    first(socket, () => {
      for (const listener of listeners) listener.call(server, socket);
    }),
  );
}

const HOPS: Record<NonNullable<TrustedProxies["header"]>, (request: IncomingMessage) => Hops> = {
  forwarded: (request) => forwardedHops(linesOf(request, "forwarded")),
  "x-forwarded-for": (request) => xForwardedForHops(linesOf(request, "x-forwarded-for")),
};

/** Out of the raw lines: all of them, in their order, and untouched by whoever tidies the parsed headers. */
function linesOf({ rawHeaders }: IncomingMessage, name: string): string {
  const lines: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() === name) lines.push(rawHeaders[at + 1]!);
  }
  return lines.join(",");
}

/** From the right, each hop is believed as long as the one that wrote it is trusted. */
function lastBelieved(peer: string, hops: Hops, isTrusted: (address: string) => boolean): string {
  let address = peer;
  let count = 0;
  for (const hop of hops) {
    if (hop === undefined || ++count > MAX_HOPS) return address;
    address = hop;
    if (!isTrusted(address)) return address;
  }
  return address;
}
