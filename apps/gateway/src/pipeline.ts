/**
 * What happens to a request, in this order. A step that answers ends the way there; the order is the security
 * argument, so it is a table and not a call graph.
 */
import type { Guard } from "@portcullis/guard";
import type { Clock, SetTimer } from "@portcullis/protocol";
import type { Answer } from "./answer.ts";
import type { AnswerWriter } from "./answer-writer.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Exchange, Step } from "./exchange.ts";
import type { Field } from "./headers/field-kind.ts";
import { answerPreflight } from "./steps/answer-preflight.ts";
import { authenticate } from "./steps/authenticate.ts";
import { forward } from "./steps/forward.ts";
import { identify } from "./steps/identify.ts";
import { matchRoute } from "./steps/match-route.ts";
import { publishKeys } from "./steps/publish-keys.ts";
import { lookBeforeSending, recheck } from "./steps/recheck.ts";
import { refuseAmbiguous } from "./steps/refuse-ambiguous/refuse-ambiguous.ts";
import { requireReady } from "./steps/require-ready.ts";
import { stripHeaders } from "./steps/strip-headers.ts";
import type { TransactionTokens } from "./transaction-token/transaction-tokens.ts";
import type { Buffers } from "./upstreams/buffers.ts";
import { responseFields } from "./upstreams/response-fields.ts";
import type { ForwardOptions } from "./upstreams/service-call.ts";

interface PipelineParts {
  readonly configuration: Configuration;
  readonly guard: Pick<Guard, "authenticate">;
  readonly isReady: () => boolean;
  readonly fieldNamed: (spelling: string) => Field;
  readonly transactionTokens: Pick<TransactionTokens, "tokenFor">;
  readonly jwks: { readonly keys: readonly object[] };
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly upstreams: ForwardOptions["upstreams"];
  readonly buffers: Buffers;
  readonly answers: AnswerWriter;
}

type NamedStep = readonly [name: string, step: Step];

export function pipeline(parts: PipelineParts): readonly NamedStep[] {
  const { configuration, guard, fieldNamed } = parts;
  const { limits, routes, cors } = configuration;
  return [
    ["refuse ambiguous requests", refuseAmbiguous(fieldNamed, limits)],
    ["publish our keys", publishKeys(parts.jwks)],
    ["require a list of revocations", requireReady(parts.isReady)],
    ["match route", matchRoute(routes)],
    ["strip headers that are ours", stripHeaders(fieldNamed)],
    ["answer CORS preflight", answerPreflight(cors)],
    ["authenticate", authenticate(guard)], // signature or introspection, times, verdict, address, audience, scopes, freshness
    // Limits go here: they need to know who calls, and must come before the service is bothered.
    [
      "forward and stream back",
      forward({
        upstreams: parts.upstreams,
        buffers: parts.buffers,
        answers: parts.answers,
        responseFields: responseFields({ fieldNamed, dropsCors: cors !== undefined }),
        maxBodyBytes: limits.maxBodyBytes,
        bufferRequestBytes: limits.bufferRequestBytes,
        bufferResponseBytes: limits.bufferResponseBytes,
        headersTimeoutMs: configuration.upstreams.headersTimeoutMs,
        setTimer: parts.setTimer,
        beforeDispatch: identify(parts.transactionTokens), // once there is a connection
        beforeSending: lookBeforeSending(parts.clock), // verdict, times and freshness, right before the first byte
        beforeHead: recheck, // verdict, times and freshness again, before the answer's
      }),
    ],
  ];
}

/** Runs the steps in turn. No promise is made unless a step needs one, which a known token's never does. */
export function runner(steps: readonly NamedStep[]) {
  const run = steps.map(([, step]) => step);
  return (exchange: Exchange): Answer | undefined | Promise<Answer | undefined> => advance(run, exchange, 0);
}

function advance(
  steps: readonly Step[],
  exchange: Exchange,
  from: number,
): Answer | undefined | Promise<Answer | undefined> {
  for (let at = from; at < steps.length; at++) {
    const result = steps[at]!(exchange);
    if (result instanceof Promise) {
      return result.then((answer) => {
        // The client may have left meanwhile; nothing must be sent to the service on its behalf.
        return answer !== undefined || exchange.isOver ? answer : advance(steps, exchange, at + 1);
      });
    }
    if (result !== undefined) return result;
  }
  return undefined;
}
