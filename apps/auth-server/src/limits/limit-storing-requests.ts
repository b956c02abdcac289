import { addressGroup } from "@portcullis/service";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { limitError } from "./errors.ts";
import type { RateLimit } from "./rate-limit.ts";
import { type LimitSetting, STORING_REQUESTS, type StoringRequest } from "./storing-requests.ts";

export const LIMIT_WINDOW_MS = 60_000;

/** Gives the counter of one kind of request: of this server, or of all servers. */
export type OpenLimit = (name: string, most: number) => RateLimit;

/** Each of these requests leaves something behind, and anybody can send it: before the routes, so that it costs little. */
export function limitStoringRequests(
  app: FastifyInstance,
  options: {
    readonly limits: Readonly<Record<LimitSetting | "requestBytes", number>>;
    readonly open: OpenLimit;
    readonly clientAddressOf: (request: FastifyRequest) => string;
    /** Told the setting by which a request is refused. */
    readonly onRefused?: (setting: LimitSetting) => void;
  },
): void {
  const { limits, open, clientAddressOf, onRefused } = options;
  const limited = STORING_REQUESTS.map((kind) => ({
    ...kind,
    limit: open(nameOf(kind), limits[kind.setting]),
  }));
  app.addHook("onRequest", async (request, reply) => {
    const found = limited.find((kind) => isOf(kind, request));
    if (found === undefined) return;
    // A session keeps parameters of a sign-out. What is in a body is looked at where it is stored.
    if (request.raw.url!.length > limits.requestBytes) throw limitError("request_too_large");
    const { retryAfterMs } = await found.limit.take(addressGroup(clientAddressOf(request)));
    if (retryAfterMs === 0) return;
    onRefused?.(found.setting);
    reply.header("retry-after", Math.ceil(retryAfterMs / 1000));
    throw limitError(CODES[found.setting]);
  });
}

const CODES = {
  authorizationRequestsPerMinute: "too_many_sign_ins",
  pushedRequestsPerMinute: "too_many_requests",
  signOutsPerMinute: "too_many_requests",
  signInAttemptsPerMinute: "too_many_requests",
} as const satisfies Record<LimitSetting, string>;

/** Of a counter's keys in Redis. */
const nameOf = ({ route }: StoringRequest): string => route.slice(1).replaceAll(/[^a-z]+/g, "-");

function isOf({ method, route }: StoringRequest, request: FastifyRequest): boolean {
  return request.routeOptions.url === route && (method === "any" || request.method === method);
}
