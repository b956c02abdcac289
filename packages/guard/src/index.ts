export type {
  AllowDecision,
  Decision,
  DenialBody,
  DenialCode,
  DenyDecision,
  Freshness,
  Guard,
  GuardCounters,
  Principal,
  Requirements,
} from "./decision.ts";

import type { Algorithm, KeySource } from "@portcullis/access-token";
import type { Replica, RevocationView } from "@portcullis/revocation";
import type { Freshness, Guard } from "./decision.ts";

export interface GuardOptions {
  readonly issuer: string;
  /** A token must have one of these in `aud`; a route can ask for one in particular. */
  readonly audience: string | readonly string[];
  /** Default: `remoteKeySource({ issuer })`. */
  readonly keys?: KeySource;
  readonly revocations: RevocationView;
  readonly realm?: string;
  /** For routes that say nothing; default closed, 5,000 ms. */
  readonly freshness?: Freshness;
  readonly algorithms?: readonly Algorithm[];
  readonly clockSkewSeconds?: number;
  readonly nowSeconds?: () => number;
  readonly cacheEntries?: number;
  readonly maxTokenLength?: number;
}
export interface ConnectOptions {
  readonly issuer: string;
  readonly audience: string | readonly string[];
  readonly clientId: string;
  readonly clientSecret: string;
  /** Name of this process, unique for its life: for example `orders-7f3a`. */
  readonly name: string;
  readonly leaseMs?: number;
  readonly realm?: string;
  readonly freshness?: Freshness;
  /** Default: only to loopback addresses. */
  readonly allowInsecureRequests?: boolean;
  readonly fetch?: typeof fetch;
  readonly log?: (event: { readonly event: string; readonly [detail: string]: unknown }) => void;
}
export interface ConnectedGuard extends Guard {
  readonly replica: Replica;
  whenReady(signal?: AbortSignal): Promise<void>;
  /** Gives the lease back. */
  close(): Promise<void>;
}
export declare function createGuard(options: GuardOptions): Guard;
export declare function connect(options: ConnectOptions): ConnectedGuard;
