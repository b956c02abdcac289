/** What users branch on: every package that is installed exports its catalogue, its codes as a type, and a question. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as accessToken from "@portcullis/access-token";
import * as client from "@portcullis/client";
import * as guard from "@portcullis/guard";
import * as issuer from "@portcullis/issuer";
import * as protocol from "@portcullis/protocol";
import { type ErrorCatalogue, errorsOf, type PortcullisError } from "@portcullis/protocol";
import * as revocation from "@portcullis/revocation";

interface Exported {
  readonly catalogue: ErrorCatalogue<string>;
  readonly isOne: (error: unknown) => boolean;
}

const EXPORTED: Readonly<Record<string, Exported>> = {
  "access-token": { catalogue: accessToken.ACCESS_TOKEN_ERRORS, isOne: accessToken.isAccessTokenError },
  client: { catalogue: client.CLIENT_ERRORS, isOne: client.isClientError },
  guard: { catalogue: guard.GUARD_ERRORS, isOne: guard.isGuardError },
  issuer: { catalogue: issuer.ISSUER_ERRORS, isOne: issuer.isIssuerError },
  protocol: { catalogue: protocol.PROTOCOL_ERRORS, isOne: protocol.isProtocolError },
  revocation: { catalogue: revocation.REVOCATION_ERRORS, isOne: revocation.isRevocationError },
};

for (const [name, { catalogue, isOne }] of Object.entries(EXPORTED)) {
  test(`${name}: each error of its catalogue is told from others`, () => {
    for (const code of Object.keys(catalogue)) assert.ok(isOne(errorsOf(catalogue)(code)), code);
    const stranger = errorsOf({ toString: { status: 500, text: "" } })("toString");
    for (const other of [stranger, new Error("no code"), { code: Object.keys(catalogue)[0] }, undefined])
      assert.equal(isOne(other), false);
  });
}

test("a switch over the codes of a package is exhaustive, and a code that there is not is refused by the compiler", () => {
  const error: unknown = caught(() =>
    guard.connect({
      issuer: "https://login.example.com",
      audience: "https://orders.example.com",
      clientId: "",
      clientSecret: undefined,
      name: "orders",
    }),
  );
  assert.ok(guard.isGuardError(error));
  assert.equal(adviceFor(error), "mend the settings");
});

function adviceFor(error: PortcullisError<guard.GuardErrorCode>): string {
  // @ts-expect-error there is no such code
  if (error.code === "invalid_config") return "never";
  switch (error.code) {
    case "invalid_configuration":
      return "mend the settings";
    case "key_refused":
      return "sign in again";
    default:
      return remaining(error.code);
  }
}

const remaining = (code: Exclude<guard.GuardErrorCode, "invalid_configuration" | "key_refused">): string =>
  code;

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
