import { REASONS, type Reason, SCOPES, type Scope } from "@portcullis/protocol";

/** What the index says of a token. Only `allow` needs a fresh replica: a denial cannot go stale. */
export type Verdict =
  | { readonly outcome: "allow" }
  | { readonly outcome: "killed" | "stale"; readonly scope: Scope; readonly reason: Reason };

export const ALLOW: Verdict = Object.freeze({ outcome: "allow" });

/** Every denial there is, made once: a verdict allocates nothing. */
const DENIALS = new Map<string, Verdict>();
for (const outcome of ["killed", "stale"] as const) {
  for (const scope of SCOPES) {
    for (const reason of REASONS) {
      DENIALS.set(`${outcome} ${scope} ${reason}`, Object.freeze({ outcome, scope, reason }));
    }
  }
}

export function denial(outcome: "killed" | "stale", scope: Scope, reason: Reason): Verdict {
  return DENIALS.get(`${outcome} ${scope} ${reason}`)!;
}
