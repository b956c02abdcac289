import type { ServerResponse } from "node:http";
import { type FakeIssuer, sendJson } from "@portcullis/testing";

export type Answer = (response: ServerResponse) => unknown;

/** From now on the issuer answers requests for this path so; whether it ends the answer is its affair. */
export function answerAt(issuer: FakeIssuer, path: string, answer: Answer): void {
  issuer.routes.unshift((request, response) => {
    if (request.url !== path) return false;
    answer(response);
    return true;
  });
}

export const json =
  (body: unknown, status = 200): Answer =>
  (response) =>
    sendJson(response, body, status);

const text =
  (body: string, status = 200): Answer =>
  (response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(body);

/** What any document of an issuer can be instead of itself: what it is, how it is answered, what is to be said of it. */
export const MISBEHAVIOURS: readonly (readonly [what: string, answer: Answer, code: string, says: RegExp])[] =
  [
    [
      "a redirect",
      (response) => response.writeHead(302, { location: "/elsewhere?secret=1" }).end(),
      "issuer_unreadable",
      /redirects to http:\/\/127\.0\.0\.1:\d+\/elsewhere, and redirects are not followed/,
    ],
    [
      "a redirect to a place with a long name",
      (response) => response.writeHead(302, { location: `/${"x".repeat(8_000)}` }).end(),
      "issuer_unreadable",
      /redirects to http:\/\/127\.0\.0\.1:\d+\/x{150,200}\.\.\., and redirects/,
    ],
    ["a redirect to nowhere", text("", 307), "issuer_unreadable", /redirects, and/],
    ["a failure", text("{}", 500), "issuer_failing", /answers 500/],
    ["a proxy without a server behind it", text("<html>", 502), "issuer_failing", /answers 502/],
    ["too many requests", text("{}", 429), "issuer_failing", /answers 429/],
    ["HTML", text("<html>"), "issuer_unreadable", /something other than one JSON object/],
    ["nothing", text(""), "issuer_unreadable", /something other than one JSON object/],
    ["a JSON array", text("[]"), "issuer_unreadable", /something other than one JSON object/],
    [
      "a member given twice",
      text('{"a":1,"a":2}'),
      "issuer_unreadable",
      /something other than one JSON object/,
    ],
    [
      "bytes that are no text",
      (response) => response.end(Buffer.from([0x7b, 0xff, 0x7d])),
      "issuer_unreadable",
      /something other than one JSON object/,
    ],
    [
      "more than 256 KiB",
      text(`{"x":"${"x".repeat(300_000)}"}`),
      "issuer_unreadable",
      /more than 262144 bytes/,
    ],
    ["an endless answer", endless, "issuer_unreadable", /more than 262144 bytes/],
    [
      "an endless refusal",
      (response) => endless(response.writeHead(400)),
      "issuer_unreadable",
      /more than 262144/,
    ],
    [
      "an answer that is cut off",
      (response) => response.writeHead(200, { "content-length": "99" }).write("{", () => response.destroy()),
      "issuer_unreachable",
      /broke the connection off/,
    ],
    [
      "a connection that is broken off",
      (response) => response.destroy(),
      "issuer_unreachable",
      /broke the connection off/,
    ],
  ];

/** How long an issuer may take in tests of one that never answers: the rest of the machine may be slower than it. */
export const IMPATIENT_MS = 100;

/** Those that end by the clock alone. */
export const STALLS: readonly (readonly [what: string, answer: Answer])[] = [
  ["no answer", () => {}],
  ["an answer that stands still", (response) => response.writeHead(200).write("{")],
];

function endless(response: ServerResponse): void {
  const write = () => {
    while (!response.destroyed && response.write("x".repeat(16_384)));
  };
  response.on("drain", write);
  write();
}
