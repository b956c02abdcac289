/** How an app is told at a refresh that a newer sign-in took the place of its session: the same as by session events. */
import type { ReplacedBy } from "@portcullis/protocol";
import { errors } from "oidc-provider";
import type { Told } from "./tell-why.ts";

export class ReplacedError extends errors.CustomOIDCProviderError {
  readonly told: Told;

  constructor(replacedBy: ReplacedBy) {
    const { device, address } = replacedBy;
    const from = address === undefined ? "" : ` from ${address}`;
    const what = `replaced: the user has signed in on another device (${device}${from})`;
    super("invalid_grant", what, { detail: "replaced" });
    this.told = { reason: "replaced", replacedBy };
  }
}
