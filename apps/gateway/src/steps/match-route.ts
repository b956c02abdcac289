import { refuse } from "../answer.ts";
import type { Route } from "../config/configuration.ts";
import type { Exchange, Step } from "../exchange.ts";

/**
 * The longest prefix on segment boundaries wins. It is looked for without regard to case, and then has to
 * agree in case: a service that does not mind the case would otherwise be reached through the route of a
 * shorter prefix (`/Admin` through `/`), whose policy is another one.
 */
export function matchRoute(routes: readonly Route[]): Step {
  const byLength = [...routes]
    .sort((left, right) => right.path.length - left.path.length)
    .map((route) => ({
      route,
      prefix: route.path.toLowerCase(),
      allow: ["allow", [...route.methods].join(", ")],
    }));
  return (exchange: Exchange) => {
    const path = exchange.path.toLowerCase();
    const match = byLength.find(({ prefix }) => isBelow(path, prefix));
    if (match === undefined || !exchange.path.startsWith(match.route.path)) return refuse("no_route");
    exchange.route = match.route;
    if (match.route.methods.has(exchange.method) || isPreflight(exchange)) return undefined;
    return refuse("method_not_allowed", { headers: match.allow });
  };
}

function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix === "/" || path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f;
}

/** A CORS preflight asks about another method; the next step but one answers it, or it is an OPTIONS request. */
const isPreflight = ({ method, origin }: Exchange): boolean => method === "OPTIONS" && origin !== undefined;
