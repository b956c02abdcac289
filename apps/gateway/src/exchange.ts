import type { IncomingMessage, ServerResponse } from "node:http";
import type { AllowDecision } from "@portcullis/guard";
import type { Answer } from "./answer.ts";
import type { Route } from "./config/configuration.ts";
import type { GatewayErrorCode } from "./errors.ts";

/** One request and its answer on their way through the pipeline. Each field names the step that fills it in. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client waits for `100 Continue` before it sends its body (RFC 9110, section 10.1.1). */
  readonly expectsContinue: boolean;
  /** Where the client is: behind trusted proxies, what they say. */
  clientAddress = "unknown";
  /** Whose share of connections and memory it takes from: that address, or the /64 it is of. */
  clientKey = "unknown";

  // Refuse ambiguous requests:
  /** The request target up to `?`: exactly the bytes that are matched and forwarded. */
  path = "";
  host = "";
  /** As it came, scheme and all. */
  authorization: string | undefined = undefined;
  origin: string | undefined = undefined;
  hasBody = false;
  /** Undefined: chunked, or no body. */
  contentLength: number | undefined = undefined;
  /** Lower-case names that Connection lists; nearly always undefined. */
  connectionOptions: ReadonlySet<string> | undefined = undefined;

  // Match route:
  route: Route | undefined = undefined;
  // Strip headers, then identify: lower-case names and values in turn, as the service gets them.
  forwarded: string[] = [];
  // Authenticate; stays undefined on a public route.
  decision: AllowDecision | undefined = undefined;

  // Identify the caller: end of the transaction token, in seconds.
  identityExpiresAt = Number.POSITIVE_INFINITY;

  // Forward. An object and no function: V8 keeps closures made for each request over several collections.
  forwarding: Forwarding | undefined = undefined;
  /** The answer is complete, or the client is gone. */
  isOver = false;
  /** Code of the refusal, for counters and logs. */
  refusal: string | undefined = undefined;

  constructor(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) {
    this.request = request;
    this.response = response;
    this.expectsContinue = expectsContinue;
  }
}

/** The call to the service, under way. */
export interface Forwarding {
  /** Breaks it off. Without a code the client is gone and gets nothing. */
  abandon(code: GatewayErrorCode | undefined): void;
  /** The answer is complete, or the client is gone. */
  onExchangeOver(): void;
}

/** A step of the pipeline: an answer ends it, undefined goes on with the next step. */
export type Step = (exchange: Exchange) => Answer | undefined | Promise<Answer | undefined>;
