import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, it } from "node:test";
import { resolveConfiguration } from "../../src/config/load.ts";
import { startServer } from "../oidc/server-under-test.ts";

const LIMITS = { authorizationRequestsPerMinute: 1 };

async function startBehind(trustedProxies: object | undefined) {
  return startServer({ change: (document) => Object.assign(document, { limits: LIMITS, trustedProxies }) });
}

interface Asking {
  readonly issuer: string;
  readonly headers?: Record<string, string>;
  readonly from?: string;
}

const isLimited = ({ issuer, headers = {}, from = "127.0.0.1" }: Asking): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const asked = request(
      `${issuer}/authorize?client_id=nobody`,
      { headers, localAddress: from },
      (response) => {
        response.resume();
        resolve(response.statusCode === 429);
      },
    );
    asked.on("error", reject).end();
  });

describe("a client's address", () => {
  it("is what a trusted proxy says, an IPv6 address by its /64", async (t) => {
    const server = await startBehind({ addresses: ["127.0.0.1"], header: "x-forwarded-for" });
    t.after(() => server.stop());
    const from = (address: string) =>
      isLimited({ issuer: server.issuer, headers: { "x-forwarded-for": `6.6.6.6, ${address}` } });
    assert.equal(await from("192.0.2.1"), false);
    assert.equal(await from("192.0.2.2"), false);
    assert.equal(await from("192.0.2.1"), true);
    assert.equal(await from("2001:db8:1:2::1"), false);
    assert.equal(await from("2001:db8:1:2:ffff::2"), true);
    assert.equal(await from("2001:db8:1:3::1"), false);
  });

  it("is not chosen by whoever is no proxy", async (t) => {
    const server = await startBehind({ addresses: ["127.0.0.1"], header: "x-forwarded-for" });
    t.after(() => server.stop());
    const spoof = (address: string) =>
      isLimited({ issuer: server.issuer, from: "127.0.0.9", headers: { "x-forwarded-for": address } });
    assert.equal(await spoof("192.0.2.1"), false);
    assert.equal(await spoof("192.0.2.2"), true);
  });

  it("is the connection's when no proxy is trusted", async (t) => {
    const server = await startBehind(undefined);
    t.after(() => server.stop());
    const headers = { "x-forwarded-for": "192.0.2.1", forwarded: "for=192.0.2.1" };
    assert.equal(await isLimited({ issuer: server.issuer, headers }), false);
    assert.equal(await isLimited({ issuer: server.issuer }), true);
  });
});

describe("trusted proxies", () => {
  const base = { issuer: "https://login.example", listen: { port: 1 }, dataDirectory: "x" };
  const refused = (trustedProxies: object, pattern: RegExp) =>
    assert.throws(() => resolveConfiguration({ ...base, trustedProxies }), { message: pattern });

  it("are refused when it is not said who they are, or how they name the client", () => {
    refused({ proxyProtocol: true }, /trustedProxies\.addresses/);
    refused({ addresses: [], header: "forwarded" }, /trustedProxies\.addresses/);
    refused({ addresses: ["10.0.0.1"] }, /trustedProxies: say how they name the client/);
    refused(
      { addresses: ["0.0.0.0/0"], header: "forwarded" },
      /trustedProxies\.addresses\[0\]: found "0\.0\.0\.0\/0"; would trust everybody/,
    );
  });

  it("are missed when the issuer is https and this server is not", async (t) => {
    const told = async (more: object) => {
      const server = await startServer({
        change: (document) =>
          Object.assign(document, { issuer: "https://login.example", clients: [], ...more }),
      });
      t.after(() => server.stop());
      return server.logged("one_address_for_all").length === 1;
    };
    assert.equal(await told({}), true);
    assert.equal(await told({ trustedProxies: { addresses: ["10.0.0.1"], header: "forwarded" } }), false);
  });
});
