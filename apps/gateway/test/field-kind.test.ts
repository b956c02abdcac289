import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fieldOf, rememberFields } from "../src/headers/field-kind.ts";

const OURS = [
  "txn-token",
  "x-portcullis-user",
  "x-forwarded-for",
  "x-forwarded-host",
  "forwarded",
  "x-real-ip",
];
const SEPARATORS = [..."-_.!#$%&'*+^`|~"];

/** As CGI, WSGI, Rack and PHP make a variable of a header's name. */
const variableOf = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]/g, "_");

test("no spelling that a service could take for one of ours goes through", () => {
  const spelling = fc
    .tuple(
      fc.constantFrom(...OURS),
      fc.infiniteStream(fc.boolean()),
      fc.infiniteStream(fc.constantFrom(...SEPARATORS)),
    )
    .map(([name, upper, separator]) =>
      [...name]
        .map((character) => {
          if (character === "-") return separator.next().value;
          return upper.next().value ? character.toUpperCase() : character;
        })
        .join(""),
    );
  fc.assert(
    fc.property(spelling, (name) => {
      assert.equal(fieldOf(name).kind, "dropped", name);
    }),
    { numRuns: 2_000 },
  );
});

test("two names that become one variable are never both let through as different kinds", () => {
  const token = fc.string({
    unit: fc.constantFrom(...SEPARATORS, ..."abcdefhnoprstwxyzTXN-"),
    minLength: 1,
    maxLength: 14,
  });
  fc.assert(
    fc.property(token, (name) => {
      const exact = fieldOf(variableOf(name).toLowerCase().replaceAll("_", "-")).kind;
      const kind = fieldOf(name).kind;
      assert.ok(kind === exact || kind === "dropped", `${name}: ${kind}, its twin: ${exact}`);
    }),
    { numRuns: 2_000 },
  );
});

test("a second spelling of a field that decides something is dropped", () => {
  for (const name of ["Content_Length", "Transfer_Encoding", "transfer.encoding", "HTTP2_Settings"]) {
    assert.equal(fieldOf(name).kind, "dropped", name);
  }
});

test("hop-by-hop fields and the proxy family are dropped, httpoxy's Proxy included", () => {
  for (const name of ["Keep-Alive", "TE", "Trailer", "Proxy", "Proxy-Connection", "Proxy-Authorization"]) {
    assert.equal(fieldOf(name).kind, "dropped", name);
  }
});

test("everything else goes through, names of object members included", () => {
  for (const name of [
    "Accept",
    "Cookie",
    "X-Request-Id",
    "__proto__",
    "constructor",
    "Content-Type",
    "DPoP",
  ]) {
    assert.equal(fieldOf(name).kind, "end-to-end", name);
  }
});

test("the memory of names is bounded and changes no answer", () => {
  const fieldNamed = rememberFields();
  for (let at = 0; at < 5_000; at++) assert.equal(fieldNamed(`x-${at}`).kind, "end-to-end");
  assert.equal(fieldNamed("Txn_Token").kind, "dropped");
  assert.equal(fieldNamed("Txn_Token"), fieldNamed("Txn_Token"));
});
