import type { RevocableClaims } from "@portcullis/protocol";
import type { Verdict } from "@portcullis/revocation";
import type { SharedView } from "@portcullis/revocation/threads";

export interface Token {
  readonly claims: RevocableClaims;
  readonly header: { readonly kid?: string };
}

/** What a test may ask of a reading thread. */
export type Question =
  | { readonly type: "ready" }
  | { readonly type: "verdicts"; readonly tokens: readonly Token[] }
  | { readonly type: "freshness" }
  /** Stands still until `signals[GO]` is 1, and then answers in the same turn: no message has come in by an event. */
  | { readonly type: "verdicts-when-told"; readonly tokens: readonly Token[] }
  /** Asks and asks until `signals[GO]` is 1. */
  | { readonly type: "hammer"; readonly never: number }
  | { readonly type: "close" };

export interface Hammered {
  readonly asked: number;
  /** Acknowledged, and yet allowed. */
  readonly missed: number;
  /** Never revoked, and yet denied. */
  readonly invented: number;
}

export interface Answers {
  ready: true;
  verdicts: Verdict[];
  freshness: ReturnType<SharedView["freshness"]> & { readonly leaseMs: number };
  "verdicts-when-told": Verdict[];
  hammer: Hammered;
  close: true;
}

/** Int32 that the test and its threads share. */
export const ACKNOWLEDGED = 0;
export const GO = 1;
export const STANDING = 2;
export const SIGNALS = 3;
