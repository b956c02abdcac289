/** What the examples of several routes have in common. */

export const EXAMPLE_SID = "Vt8Vt7mGQf2bqfYkq0hZ0A";
export const EXAMPLE_INCARNATION = "q0hZ0AVt8Vt7mGQf2bqfYk";

/** Receipts. */
export const ENFORCED = { seq: 812, state: "enforced", acked: 3, leased: 3, elapsedMs: 4.1 } as const;
export const PENDING = {
  seq: 812,
  state: "pending",
  acked: 3,
  leased: 4,
  laggards: ["gateway-7f3a"],
  waitingFor: [{ name: "gateway-7f3a", clientId: "gateway", address: "10.20.0.7" }],
  enforcedBy: "2026-03-01T12:00:05.120Z",
  elapsedMs: 2000.4,
} as const;
