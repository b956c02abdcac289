import { refuse } from "../answer.ts";
import type { Cors } from "../config/configuration.ts";
import type { Exchange, Step } from "../exchange.ts";

/**
 * CORS for browser apps (Fetch standard, section 3.3): listed origins only, no cookies. A preflight carries no
 * credentials, so it is answered before authentication; every other request from a listed origin goes on.
 */
export function answerPreflight(cors: Cors | undefined): Step {
  return ({ method, fields, origin, route }: Exchange) => {
    if (method !== "OPTIONS" || origin === undefined) return undefined;
    if (!isPreflight(fields) || cors === undefined) {
      return route!.methods.has("OPTIONS") ? undefined : refuse("method_not_allowed");
    }
    if (!cors.origins.has(origin)) return refuse("origin_not_allowed", { headers: ["vary", "origin"] });
    return {
      status: 204,
      headers: [
        "access-control-allow-methods",
        [...route!.methods].join(", "),
        "access-control-allow-headers",
        cors.headers.join(", "),
        "access-control-max-age",
        String(cors.maxAgeSeconds),
      ],
      body: undefined,
    };
  };
}

/** A name is at every other place; a value that looks like it does not make a preflight. */
const isPreflight = (fields: readonly string[]): boolean =>
  fields.some((field, at) => at % 2 === 0 && field.toLowerCase() === "access-control-request-method");

/** Fields that let a listed origin read an answer: also a refusal, whose `reason` the app wants to show. */
export function corsFields(cors: Cors | undefined, origin: string | undefined): readonly string[] {
  if (cors === undefined) return NONE;
  if (origin === undefined || !cors.origins.has(origin)) return VARY;
  return ["access-control-allow-origin", origin, ...EXPOSE, ...VARY];
}

const NONE: readonly string[] = [];
const VARY: readonly string[] = ["vary", "origin"];
const EXPOSE = ["access-control-expose-headers", "WWW-Authenticate, Retry-After"];
