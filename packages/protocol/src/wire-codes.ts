/** Wire code to name, for each of the numbered vocabularies. Index 0 is never a name. */
import { REASON_CODES, type Reason } from "./reasons.ts";
import { MODE_CODES, type Mode, SCOPE_CODES, type Scope } from "./scopes.ts";

function namesByCode<Name extends string>(
  codes: Readonly<Record<Name, number>>,
): readonly (Name | undefined)[] {
  const names: (Name | undefined)[] = [];
  for (const name of Object.keys(codes) as Name[]) names[codes[name]] = name;
  return names;
}

const scopes = namesByCode<Scope>(SCOPE_CODES);
const modes = namesByCode<Mode>(MODE_CODES);
const reasons = namesByCode<Reason>(REASON_CODES);

export const scopeOfCode = (code: number): Scope | undefined => scopes[code];
export const modeOfCode = (code: number): Mode | undefined => modes[code];
/** Returns the reason of a code. One that a newer server knows and we do not still denies: it reads as `revoked`. */
export const reasonOfCode = (code: number): Reason => reasons[code] ?? "revoked";
