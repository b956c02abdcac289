/** Everything between the ways in and the services, put together: what each step, and the way out, is given. */
import type { Guard } from "@portcullis/guard";
import type { Clock, Log, SetTimer } from "@portcullis/protocol";
import { accessLogger } from "./access-log.ts";
import { type Answer, refuse } from "./answer.ts";
import { AnswerWriter } from "./answer-writer.ts";
import type { Configuration } from "./config/configuration.ts";
import type { GatewayErrorCode } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { rememberFields } from "./headers/field-kind.ts";
import type { Counters } from "./management/counters.ts";
import { pipeline, runner } from "./pipeline.ts";
import { corsFields } from "./steps/answer-preflight.ts";
import type { SigningKey } from "./transaction-token/signing-key.ts";
import { TransactionTokens } from "./transaction-token/transaction-tokens.ts";
import type { Buffers } from "./upstreams/buffers.ts";
import type { ForwardOptions } from "./upstreams/service-call.ts";

export interface DecisionCoreOptions {
  readonly configuration: Configuration;
  readonly guard: Pick<Guard, "authenticate">;
  readonly signingKey: SigningKey;
  readonly upstreams: ForwardOptions["upstreams"];
  readonly buffers: Buffers;
  readonly counters: Pick<Counters, "count">;
  readonly log: Log;
  /** Keys and a list of revocations are there. */
  readonly isReady: () => boolean;
  /** No other request is read on a connection once this one's is answered. */
  readonly isDraining: () => boolean;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What an entry hands its exchanges to. */
export interface DecisionCore {
  /** Takes it through the pipeline, and sees that it is answered. */
  begin(exchange: Exchange): void;
  /**
   * The answer is complete, or nobody is there for it any more; `refusal` says why when it was the entry that gave it up.
   * What is under way for it ends, and it is counted: once, however often this is called.
   */
  end(exchange: Exchange, refusal?: GatewayErrorCode): void;
}

export function createDecisionCore(options: DecisionCoreOptions): DecisionCore {
  const { configuration, counters, log } = options;
  const { cors } = configuration;
  const answers = new AnswerWriter({
    corsFields: (origin) => corsFields(cors, origin),
    isDraining: options.isDraining,
  });
  const run = runner(
    pipeline({
      configuration,
      guard: options.guard,
      isReady: options.isReady,
      fieldNamed: rememberFields(),
      transactionTokens: new TransactionTokens({
        settings: configuration.transactionToken,
        key: options.signingKey,
        clock: options.clock,
        randomBytes: options.randomBytes,
      }),
      jwks: { keys: [options.signingKey.jwk] },
      clock: options.clock,
      setTimer: options.setTimer,
      upstreams: options.upstreams,
      buffers: options.buffers,
      answers,
    }),
  );
  const logAccess = accessLogger(configuration.accessLog, log);

  const settle = (exchange: Exchange, answer: Answer | undefined): void => {
    if (answer !== undefined) answers.answer(exchange, answer);
  };
  const fail = (exchange: Exchange, error: unknown): void => {
    log.error({ event: "internal_error", error });
    answers.answer(exchange, refuse("internal_error"));
  };
  return {
    begin(exchange) {
      try {
        const result = run(exchange);
        if (!(result instanceof Promise)) settle(exchange, result);
        else result.then((answer) => settle(exchange, answer)).catch((error) => fail(exchange, error));
      } catch (error) {
        fail(exchange, error);
      }
    },
    end(exchange, refusal) {
      if (exchange.isOver) return;
      exchange.isOver = true;
      if (refusal !== undefined) exchange.refusal = refusal;
      exchange.forwarding?.onExchangeOver();
      counters.count(exchange);
      logAccess(exchange);
    },
  };
}
