import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Receipt } from "@portcullis/protocol";
import { Checker } from "../checker/checker.ts";
import type { Revocation, Token } from "../checker/words.ts";

export const LEASE_MS = 3000;

export function liveToken(id = "a-token"): Token {
  return {
    text: id,
    id,
    subject: "somebody",
    clientId: "some-client",
    sessionId: undefined,
    grantId: undefined,
    mintedAt: 0,
    expiresAt: Number.POSITIVE_INFINITY,
    coveredBy: [],
    deniedAt: new Map(),
  };
}

/** A revocation of the token that was sent, and not answered yet. */
export function sentFor(token: Token): Revocation {
  const revocation: Revocation = {
    target: { scope: "token", key: token.id, mode: "kill" },
    covers: [token],
    outcome: { state: "open" },
  };
  token.coveredBy.push(revocation);
  return revocation;
}

export const receipt = (state: Receipt["state"], enforcedBy?: string): Receipt => ({
  seq: 7,
  state,
  acked: state === "enforced" ? 2 : 1,
  leased: 2,
  elapsedMs: 1,
  ...(enforcedBy === undefined ? {} : { enforcedBy }),
});

/** A checker whose clocks stand still until they are told. */
export function checkerAt(start: { monotonic: number; wall?: number }) {
  const clock = { monotonic: start.monotonic, wall: start.wall ?? 0 };
  const checker = new Checker({
    leaseMs: LEASE_MS,
    clock: { monotonicMs: () => clock.monotonic, wallMs: () => clock.wall },
  });
  return { checker, clock };
}

/** A gateway that gives every request the same answer. */
export async function fixedGateway(status: number, headers: Record<string, string> = {}) {
  const server: Server = createServer((_request, response) => response.writeHead(status, headers).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { door: { name: "gateway-1", url: `http://127.0.0.1:${port}/` }, stop };
}
