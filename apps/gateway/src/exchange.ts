import type { AllowDecision } from "@portcullis/guard";
import type { Answer } from "./answer.ts";
import type { Route } from "./config/configuration.ts";
import type { GatewayErrorCode } from "./errors.ts";

/** A request as it arrived at an entry, before anybody has judged it, and where its answer goes. */
interface Arrival {
  readonly method: string;
  /** The request target: exactly the bytes that came, since they are what is checked, matched and forwarded. */
  readonly target: string;
  /** Header fields as received and in order, names and values in turn: a list that was tidied hides a second Host. */
  readonly fields: readonly string[];
  /** HTTP/1.0: chunked bodies are read by some and not by others. */
  readonly isHttp10: boolean;
  readonly peer: Peer;
  readonly body: BodySource;
  readonly sink: Sink;
}

/** Who asks: the other end of the connection or, behind trusted proxies, whom these name. */
export interface Peer {
  /** In its one spelling. */
  readonly address: string;
  /** Whose share of connections and memory it takes from: that address, or the /64 it is of. */
  readonly group: string;
}

/** The body of a request, on its way here. */
export interface BodySource {
  /** All of it is here, read or not. */
  readonly hasArrived: boolean;
  readonly isRead: boolean;
  /** Asks the client for it, where it waits to be asked, and hands it on part by part. At most once. */
  read(reader: BodyReader): void;
  /** Stops after the part under way, until `resume`: so that the client waits, and not our memory. */
  pause(): void;
  resume(): void;
}

export interface BodyReader {
  onPart(part: Uint8Array): void;
  onEnd(): void;
  /** It broke off: what has come is not the whole. */
  onError(error: Error): void;
}

/** Where an answer goes. Only `AnswerWriter` begins one; a body goes on where its head has been. */
export interface Sink {
  /** The whole answer has been given to the system. */
  readonly isFinished: boolean;
  /** Bytes of the answer that the other side has not taken yet. */
  readonly untakenBytes: number;
  /** `fields`: names and values in turn. `isLast`: no other request is read on the connection of this one. */
  begin(status: number, fields: string[], isLast: boolean): void;
  /** Sends the head although there is no part of the body yet. */
  flushHead(): void;
  /** False when the other side does not take it as fast; then `onceTaken` tells when it has. */
  write(part: Uint8Array): boolean;
  onceTaken(listener: () => void): void;
  end(lastPart?: string | Uint8Array): void;
  /** Breaks off an answer that is not finished, in such a way that its beginning is not taken for the whole. */
  cutOff(): void;
}

/**
 * One request and its answer on their way through the pipeline. It knows nothing of sockets or of Node, so that whatever
 * brings a request is only another entry. Each field names who fills it in.
 */
export class Exchange {
  // The entry:
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
  readonly isHttp10: boolean;
  readonly peer: Peer;
  readonly body: BodySource;
  readonly sink: Sink;

  // Refuse ambiguous requests:
  /** The request target up to `?`. */
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

  // The answer writer:
  /** Of the answer; undefined until its head is written. */
  status: number | undefined = undefined;
  /** Code of the refusal, for counters and logs; also that of an answer which was cut off. */
  refusal: string | undefined = undefined;

  // The decision core, told by the entry:
  /** The answer is complete, or the client is gone. */
  isOver = false;

  constructor({ method, target, fields, isHttp10, peer, body, sink }: Arrival) {
    this.method = method;
    this.target = target;
    this.fields = fields;
    this.isHttp10 = isHttp10;
    this.peer = peer;
    this.body = body;
    this.sink = sink;
  }
}

/** The status of an exchange whose client left before its answer, in counters and logs: nginx's, which operators know. */
export const CLIENT_LEFT = 499;

/** The call to the service, under way. */
export interface Forwarding {
  /** Breaks it off. Without a code the client is gone and gets nothing. */
  abandon(code: GatewayErrorCode | undefined): void;
  /** The answer is complete, or the client is gone. */
  onExchangeOver(): void;
}

/** A step of the pipeline: an answer ends it, undefined goes on with the next step. */
export type Step = (exchange: Exchange) => Answer | undefined | Promise<Answer | undefined>;
