/**
 * Returns the value, frozen with all that is in it: what was verified, or read once at the start, is the same for everybody
 * who was given it. For plain data, in which nothing holds itself.
 */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const name in value) {
    const member = value[name];
    if (typeof member === "object") deepFreeze(member);
  }
  return Object.freeze(value);
}
