/** Changes of a thing by what is to be different in it (RFC 7396): a member replaces, `null` takes away, what is not there stays. */
import { z } from "zod";
import { httpApiError } from "./errors.ts";

export const MERGE_PATCH_TYPE = "application/merge-patch+json";

/** What a patch of such a thing may hold: less of it, and null for what may be absent. */
export type MergePatch<Thing> = {
  [Name in keyof Thing]?:
    | PatchOfValue<Exclude<Thing[Name], undefined>>
    | (string extends keyof Thing ? null : undefined extends Thing[Name] ? null : never)
    | undefined;
};
type PatchOfValue<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? MergePatch<Value>
    : Value;

/**
 * Returns the schema of a patch of what `schema` describes. A member that may be absent, or has a default, may be null; one that must be
 * there may not. Members of members are patched in the same way; a list is replaced as a whole. What is left when the patch was applied is
 * checked with `schema` itself: rules between members are not in here.
 */
export function mergePatchOf<Schema extends z.ZodObject>(
  schema: Schema,
): z.ZodType<MergePatch<z.input<Schema>>, MergePatch<z.input<Schema>>> {
  return patchOfObject(schema) as never;
}

function patchOfObject({ shape }: z.ZodObject): z.ZodObject {
  const members = Object.entries(shape).map(([name, member]) => [
    name,
    patchOfMember(name, member as z.ZodType),
  ]);
  return z.strictObject(Object.fromEntries(members));
}

function patchOfMember(name: string, member: z.ZodType): z.ZodType {
  const mayBeAbsent = member.safeParse(undefined).success;
  const value = bare(member);
  if (value.safeParse(null).success && !mayBeAbsent) {
    const text = `${name} may be null: a patch could not say so, since null takes away. Let it be absent.`;
    throw httpApiError("route_not_declared", { text });
  }
  const patch = patchOfValue(value);
  const { description } = member.meta() ?? {};
  const whole = mayBeAbsent ? patch.nullable().optional() : patch.optional();
  return description === undefined ? whole : whole.describe(description);
}

function patchOfValue(value: z.ZodType): z.ZodType {
  if (value instanceof z.ZodObject) return patchOfObject(value);
  if (value instanceof z.ZodRecord) {
    const member = patchOfValue(bare(value.valueType as z.ZodType)).nullable();
    return z.record(value.keyType as z.ZodString, member);
  }
  return value;
}

/** Without what says that it may be absent, and what it is then: what a patch does not have stays as it is, and is not the default. */
function bare(schema: z.ZodType): z.ZodType {
  const isWrapped =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapped ? bare(schema.unwrap() as z.ZodType) : schema;
}

/** Returns the thing with the patch applied: another value, which nobody has checked yet. */
export function applyMergePatch(thing: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  // A map, so that no name reaches what objects inherit.
  const members = new Map(Object.entries(isObject(thing) ? thing : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else if (value !== undefined) members.set(name, applyMergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
