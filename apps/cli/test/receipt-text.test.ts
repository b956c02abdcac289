import assert from "node:assert/strict";
import test from "node:test";
import type { Receipt } from "@portcullis/protocol";
import { receiptText, recipientsText } from "../src/print/receipt.ts";

const textOf = (receipt: Partial<Receipt>) =>
  receiptText({ seq: 42, state: "enforced", acked: 12, leased: 12, elapsedMs: 8.2, ...receipt }, 0);

test("a receipt in words says who enforces it, who does not, and by when", () => {
  assert.equal(textOf({}), "Enforced by 12 of 12 verifiers after 8 ms.");
  assert.equal(textOf({ acked: 1, leased: 1, elapsedMs: 1240 }), "Enforced by 1 of 1 verifier after 1.2 s.");
  assert.equal(textOf({ acked: 0, leased: 0 }), "Enforced: no verifier holds a lease, so none can allow it.");
  assert.equal(
    textOf({ acked: 11 }),
    "Enforced by 11 of 12 verifiers after 8 ms. The other one has no lease any more, so it allows nothing.",
  );
  assert.equal(
    textOf({ acked: 9 }),
    "Enforced by 9 of 12 verifiers after 8 ms. The other 3 have no lease any more, so they allow nothing.",
  );
  const enforcedBy = new Date(1970, 0, 1, 12, 0, 5).toISOString();
  const noon = new Date(1970, 0, 1, 12).getTime();
  const late = { leased: 12, enforcedBy, elapsedMs: 8, seq: 42 };
  assert.equal(
    receiptText({ ...late, state: "pending", acked: 11, laggards: ["gateway-7f3a"] }, noon),
    "Pending: 1 of 12 has not confirmed: gateway-7f3a. It may still allow it, until 12:00:05 at the latest.",
  );
  assert.equal(
    receiptText(
      {
        ...late,
        state: "pending",
        acked: 11,
        laggards: ["g1"],
        waitingFor: [{ name: "g1", clientId: "gateway", address: "10.0.0.9" }],
      },
      noon,
    ),
    "Pending: 1 of 12 has not confirmed: g1 (client gateway, 10.0.0.9). It may still allow it, until 12:00:05 at the latest.",
  );
  assert.equal(
    receiptText({ ...late, state: "quorum", acked: 10, laggards: ["a", "b"] }, noon),
    "Enforced by 10 of 12 verifiers, a quorum, after 8 ms. 2 of 12 have not confirmed: a, b. They may still allow it, until 12:00:05 at the latest.",
  );
  assert.equal(
    receiptText({ ...late, state: "pending", acked: 11, laggards: [] }, noon),
    "Pending: the server cannot say yet who has not confirmed. A verifier may still allow it, until 12:00:05 at the latest.",
  );
  const unread = { ...late, state: "pending", acked: 11, unnamed: true } as const;
  assert.equal(
    receiptText({ ...unread, laggards: [] }, noon),
    "Pending: the server cannot read the table of verifiers, and so not say who has not confirmed. A verifier may still allow it, until 12:00:05 at the latest.",
  );
  assert.equal(
    receiptText({ ...unread, laggards: ["a"] }, noon),
    "Pending: 1 of 12 has not confirmed: a. It may still allow it, until 12:00:05 at the latest. Others may hold a lease: the server cannot read the table of verifiers.",
  );
});

test("the apps that are told have a line of their own, and there is none where nobody is", () => {
  const receipt = { seq: 42, state: "enforced", acked: 0, leased: 0, elapsedMs: 1 } as const;
  assert.equal(recipientsText(receipt), undefined);
  const recipients = [
    { recipient: "mail", outcome: "delivered" },
    { recipient: "shop", outcome: "unavailable" },
    { recipient: "wiki", outcome: "delivered" },
    { recipient: "work", outcome: "pending" },
  ] as const;
  assert.equal(
    recipientsText({ ...receipt, recipients: [...recipients] }),
    "Told: mail, wiki. To be told: work. Could not be told (portcullis deliveries list): shop.",
  );
});
