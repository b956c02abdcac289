import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  anyConversation,
  breakOffAt,
  everyCut,
  openSockets,
  type RawRequest,
  requestKinds,
} from "@portcullis/testing/connections";
import {
  clientCredentials,
  exchange,
  isRunning,
  type Part,
  RelyingParty,
  type Stack,
  signIn,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";
import fc from "fast-check";

interface Listener {
  readonly name: string;
  readonly part: Part;
  readonly url: (stack: Stack) => string;
  /** What can be asked for, and with which token if any. */
  readonly paths: readonly (readonly [path: string, token?: "user" | "administrator"])[];
  /** Tells whether the process answers. */
  readonly alive: string;
}

const LISTENERS: readonly Listener[] = [
  {
    name: "the gateway",
    part: "gateway",
    url: ({ info }) => info.gateway,
    paths: [["/orders"], ["/orders", "user"]],
    alive: "/.well-known/jwks.json",
  },
  {
    name: "the gateway's management",
    part: "gateway",
    url: ({ info }) => info.management,
    paths: [["/metrics"]],
    alive: "/livez",
  },
  {
    name: "the authorization server",
    part: "authServer",
    url: ({ info }) => info.issuer,
    paths: [["/token"], ["/revocations/stream", "administrator"], ["/revocations", "administrator"]],
    alive: "/health/live",
  },
  {
    name: "a service behind a guard",
    part: "service",
    url: ({ info }) => info.service,
    paths: [["/orders"], ["/orders", "user"]],
    alive: "/health",
  },
  { name: "the web app", part: "webApp", url: ({ info }) => info.webApp, paths: [["/app.js"]], alive: "/" },
];

describe("connections that break off at any byte", () => {
  let stack: Stack;
  let tokens: { readonly user: string; readonly administrator: string };

  before(async () => {
    stack = await startStack();
    const party = await RelyingParty.discover(stack.info);
    tokens = {
      user: (await signIn(party, stack.info.demo)).accessToken,
      administrator: await clientCredentials(stack.info, stack.info.clients.admin),
    };
  });
  after(() => stack.stop());

  for (const { name, part, url, paths, alive } of LISTENERS) {
    const requests = (): RawRequest[] =>
      paths.flatMap(([path, token]) =>
        requestKinds(path, token === undefined ? [] : [`Authorization: Bearer ${tokens[token]}`]),
      );

    it(`${name} outlives a cut at each byte of each kind of request, and holds nothing afterwards`, async () => {
      const process = stack.info.pids[part];
      const before = openSockets(process);
      await breakOffAt(url(stack), everyCut(requests()));
      await answers();
      await until(() => openSockets(process) <= before + FEW, { what: `${name} to close what clients left` });
    });

    it(`${name} outlives any mixture of pieces of requests`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyConversation(requests()), { minLength: 24, maxLength: 24 }),
          async (all) => {
            await breakOffAt(url(stack), all);
          },
        ),
        { numRuns: 12, endOnFailure: true },
      );
      await answers();
    });

    async function answers(): Promise<void> {
      assert.ok(isRunning(stack.info.pids[part]), `${name} has died`);
      assert.equal((await exchange(url(stack) + alive)).status, 200);
    }
  }
});

/** Sockets that a process may have open now and had not before: to its issuer, to its services. */
const FEW = 8;
