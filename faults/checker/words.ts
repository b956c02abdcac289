import type { Receipt, RevocationRequest } from "@portcullis/protocol";

/** Times are milliseconds of this process's monotonic clock, the only clock that anything here is judged by. */

export interface Token {
  readonly text: string;
  readonly id: string;
  readonly subject: string;
  readonly clientId: string;
  readonly sessionId: string | undefined;
  readonly grantId: string | undefined;
  readonly mintedAt: number;
  /** From then on it may be refused for its age. */
  readonly expiresAt: number;
  /** Revocations that were sent and cover it, whatever became of them. */
  readonly coveredBy: Revocation[];
  /** By gateway: when an answer that says "revoked" arrived first. */
  readonly deniedAt: Map<string, number>;
}

export type Target = RevocationRequest;

export interface Revocation {
  readonly target: Target;
  readonly covers: readonly Token[];
  outcome: Outcome;
}

/** `unknown`: no answer, or 5xx. It may have been committed or not, or yet be. */
export type Outcome =
  | { readonly state: "open" }
  | { readonly state: "unknown" }
  | { readonly state: "acknowledged"; readonly receipt: Receipt; readonly deniedFrom: number };

/** One request through a gateway, and its answer. */
export interface Observation {
  readonly gateway: string;
  readonly token: Token;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly status: number;
  /** Of the challenge: why the token is dead. Absent when it was refused for something else. */
  readonly reason: string | undefined;
}

export type Rule =
  | "accepted after its receipt"
  | "accepted after a denial"
  | "live token refused"
  | "revoked token not refused when all was well again"
  | "live token not accepted when all was well again"
  | "acknowledged revocation lost"
  | "acknowledged revocation changed"
  | "replica differs from SQL"
  | "did not recover"
  | "server ended by itself";

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}
