/** The acts of the battery of endings, and revocations of the scopes that no route of its own has. */
import { ACTS, type Act, type Ending } from "../endings/acts.ts";
import { PAGE_ACTS, type PageAct } from "../endings/page-acts.ts";
import { scriptTokenOf } from "../endings/world.ts";
import { REQUESTS, type Request } from "./requests.ts";

export interface RacedAct extends Ending, Pick<Act, "prepare" | "mode"> {
  readonly does?: Act["does"];
  readonly page?: PageAct["act"];
  /** The session lives on, and with it every app that signs on anew. */
  readonly keepsSession?: boolean;
  /** Default: all, and client credentials where an app, an API or a key is hit. */
  readonly against?: readonly Request[];
}

const ofVictim = ["phone", "laptop"] as const;

const revoke =
  (does: (...given: Parameters<Act["does"]>) => object): Act["does"] =>
  async (...given) => ({
    method: "POST",
    path: "/revocations",
    body: { reason: "kicked", ...does(...given) },
  });

const REVOCATIONS: Readonly<Record<string, RacedAct>> = {
  "revoke a user": {
    does: revoke(({ phone }) => ({ scope: "subject", key: phone.claims.sub })),
    ends: ofVictim,
    reason: "kicked",
  },
  "revoke a grant": {
    does: revoke(({ phone }) => ({ scope: "grant", key: phone.claims.gid })),
    ends: ["phone"],
    reason: "kicked",
    keepsSession: true,
  },
  "revoke an app": {
    does: revoke((_cast, { app }) => ({ scope: "client", key: app })),
    ends: ofVictim,
    reason: "kicked",
    keepsSession: true,
    against: REQUESTS,
  },
  "revoke an app of a user": {
    does: revoke(({ phone }, { app }) => ({
      scope: "subject-client",
      key: { subject: phone.claims.sub, client: app },
    })),
    ends: ofVictim,
    reason: "kicked",
    keepsSession: true,
  },
};

/** What a race has to know of an act beside what the battery says. */
const MORE: Readonly<Record<string, Pick<RacedAct, "keepsSession" | "against" | "prepare">>> = {
  withdrawConsent: { keepsSession: true },
  withdrawOwnConsent: { keepsSession: true },
  // The battery has one of the victim's in every row.
  "a token for scripts that is ended on its page": {
    async prepare(world, names) {
      await scriptTokenOf(world, `users/${names.victim}`, names);
    },
  },
  "an app of the operator's that is left on the account page": { keepsSession: true },
  // The app asks the person, so that no code comes of itself.
  "leaving one app on its sign-out page": { against: ["refresh", "sign-in"] },
  "an app that loses its consent on the account page": { against: ["refresh", "sign-in"] },
  // Who signs on in that browser at the same time may be either of the two.
  "somebody else who signs in on the way to an app": { against: ["refresh", "redeem", "sign-in"] },
};

const PAGES: Readonly<Record<string, RacedAct>> = Object.fromEntries(
  Object.entries(PAGE_ACTS).map(([name, { act: page, ends, reason, prepare }]) => [
    name,
    { page, ends, reason, ...(prepare && { prepare }) },
  ]),
);

export const RACED: Readonly<Record<string, RacedAct>> = Object.fromEntries(
  Object.entries({ ...ACTS, ...PAGES, ...REVOCATIONS }).map(([name, act]) => [
    name,
    { ...(act as RacedAct), ...MORE[name] },
  ]),
);

/** A client that acts for itself is hit by what is done to apps, APIs and keys alone. */
export const requestsAgainst = (act: string): readonly Request[] => {
  const { against, ends } = RACED[act]!;
  return against ?? REQUESTS.filter((request) => request !== "machine" || ends.includes("bystander"));
};
