import { refuse } from "../../answer.ts";
import { METHODS } from "../../config/configuration.ts";
import type { Exchange, Step } from "../../exchange.ts";
import type { Field } from "../../headers/field-kind.ts";
import { checkFields, type FieldLimits } from "./check-fields.ts";
import { checkTarget, pathOf } from "./check-target.ts";

const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);
const ALLOW = ["allow", METHODS.join(", ")];

interface RequestLimits extends FieldLimits {
  readonly maxTargetLength: number;
}

export function refuseAmbiguous(fieldNamed: (spelling: string) => Field, limits: RequestLimits): Step {
  return (exchange: Exchange) => {
    const { method, target } = exchange;
    const refusal = checkFields(exchange, fieldNamed, limits);
    if (refusal !== undefined) return refusal;
    if (!KNOWN_METHODS.has(method)) return refuse("method_not_allowed", { headers: ALLOW });
    if (target.length > limits.maxTargetLength) return refuse("target_too_long");
    exchange.path = pathOf(target);
    return checkTarget(target);
  };
}
