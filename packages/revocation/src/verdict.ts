import { REASON_CODES, REASONS, type Reason, SCOPE_CODES, SCOPES, type Scope } from "@portcullis/protocol";

/** What the index says of a token. Only `allow` needs a fresh replica: a denial cannot go stale. */
export type Verdict =
  | { readonly outcome: "allow" }
  | { readonly outcome: "killed" | "stale"; readonly scope: Scope; readonly reason: Reason };

export const ALLOW: Verdict = Object.freeze({ outcome: "allow" });

/** Every denial there is, made once, by codes: a verdict allocates nothing. */
const CODES = 16;
const denials: Verdict[] = [];
for (const [stale, outcome] of (["killed", "stale"] as const).entries()) {
  for (const scope of SCOPES) {
    for (const reason of REASONS) {
      const at = (stale * CODES + SCOPE_CODES[scope]) * CODES + REASON_CODES[reason];
      denials[at] = Object.freeze({ outcome, scope, reason });
    }
  }
}

/** Returns the denial of these codes. `stale` is 0 or 1; scope and reason are wire codes that are known. */
export function denial(stale: number, scope: number, reason: number): Verdict {
  return denials[(stale * CODES + scope) * CODES + reason]!;
}
