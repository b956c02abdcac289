import type { Freshness, Requirements } from "./decision.ts";
import { guardError } from "./errors.ts";

export const DEFAULT_FRESHNESS: Freshness = Object.freeze({ policy: "closed", maxAgeMs: 5000 });

const POLICIES: ReadonlySet<string> = new Set<Freshness["policy"]>(["closed", "online", "open"]);

/** Throws `invalid_configuration`. `where` is the dotted path that the message names. */
export function checkFreshness(freshness: Freshness, where: string): Freshness {
  if (!POLICIES.has(freshness.policy)) {
    throw guardError("invalid_configuration", {
      text: `${where}.policy: found ${JSON.stringify(freshness.policy)}; choose "closed", "online" or "open".`,
    });
  }
  if (!Number.isFinite(freshness.maxAgeMs) || freshness.maxAgeMs < 0) {
    throw guardError("invalid_configuration", {
      text: `${where}.maxAgeMs: found ${freshness.maxAgeMs}; give milliseconds, 0 or more.`,
    });
  }
  return freshness;
}

/** For adapters: what a route asks for, checked when the route is made and not when it is first called. */
export function checkRequirements(requirements: Requirements, where: string): Requirements {
  if (requirements.freshness !== undefined) checkFreshness(requirements.freshness, `${where}.freshness`);
  const { scopes, audience } = requirements;
  if (scopes !== undefined && !(Array.isArray(scopes) && scopes.every(isScopeToken))) {
    throw guardError("invalid_configuration", {
      text: `${where}.scopes: found ${JSON.stringify(scopes)}; give a list of scope names (RFC 6749, section 3.3).`,
    });
  }
  if (audience !== undefined && (typeof audience !== "string" || audience === "")) {
    throw guardError("invalid_configuration", { text: `${where}.audience: give a text, or leave it out.` });
  }
  return requirements;
}

const isScopeToken = (scope: unknown): boolean =>
  typeof scope === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope);
