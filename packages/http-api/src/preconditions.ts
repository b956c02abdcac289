/**
 * Versions of things that are changed: `ETag` tells one, and a change with `If-Match` is made only to that version (RFC 9110, section
 * 13.1.1), so that of two administrators the second does not undo the first unseen. Nobody is forced to send it.
 */
import { z } from "zod";
import { httpApiError } from "./errors.ts";
import type { Problem } from "./problems.ts";

/** What a caller says of the version it has seen: any that exists, or one of these. */
export type IfMatch = "*" | readonly string[];

const ONE_TAG = String.raw`(?:W/)?"[\x21\x23-\x7e]*"`;
const LIST_OF_TAGS = new RegExp(`^\\s*${ONE_TAG}(?:\\s*,\\s*${ONE_TAG})*\\s*$`);
const IF_MATCH_WORDS = 'Must be *, or versions as ETag has them: "7".';

const ifMatchSchema = z
  .string()
  .max(1024, IF_MATCH_WORDS)
  .refine((text) => text.trim() === "*" || LIST_OF_TAGS.test(text), IF_MATCH_WORDS)
  .transform((text): IfMatch => (text.trim() === "*" ? "*" : tagsIn(text)))
  .optional()
  .meta({
    description:
      "Change it only if its version is still the one of this `ETag`. Without it, whatever the version.",
    example: '"7"',
    param: { id: "IfMatch" },
  });

/** Weak ones are not among them: who cannot tell two versions apart must not change one (RFC 9110, section 13.1.1). */
const tagsIn = (text: string): string[] =>
  [...text.matchAll(/(W\/)?("[^"]*")/g)].filter(([, weak]) => weak === undefined).map(([, , tag]) => tag!);

/** Headers of a request that changes a thing with versions. */
export const IF_MATCH = { "If-Match": ifMatchSchema };

/** By which a caller makes a change depend on what it has seen (RFC 9110, section 13.1). */
const PRECONDITIONS = ["If-Match", "If-Unmodified-Since"] as const;

/** What a route does not declare it would ignore, and make the change that the caller wanted only of another version. */
export function undeclaredPreconditions(
  declared: z.ZodObject | undefined,
  sent: Readonly<Record<string, unknown>>,
): Problem[] {
  return PRECONDITIONS.filter((name) => !Object.hasOwn(declared?.shape ?? {}, name))
    .filter((name) => sent[name.toLowerCase()] !== undefined)
    .map((field) => ({ field, message: "This call does not look at it; remove it." }));
}

/** Headers of an answer that shows one. */
export const ETAG = { ETag: "Version of what is shown: what `If-Match` takes." } as const;

/** Returns the header of an answer that shows this version. */
export const etagOf = (version: string | number): { readonly etag: string } => ({ etag: tagOf(version) });

/** Of letters, digits and signs without a quote: it stands in a header. */
function tagOf(version: string | number): string {
  const tag = `"${version}"`;
  if (!LIST_OF_TAGS.test(tag))
    throw new TypeError(`a version that no header can have: ${JSON.stringify(version)}`);
  return tag;
}

/**
 * Throws `precondition_failed` unless the version is one that the caller has seen. Called inside the transaction that makes the change, with
 * the version as that reads it: between a look outside and the change, somebody else may write. `version` undefined: there is no such thing.
 */
export function requireMatch(ifMatch: IfMatch | undefined, version: string | number | undefined): void {
  if (ifMatch === undefined) return;
  const isSeen = version !== undefined && (ifMatch === "*" || ifMatch.includes(tagOf(version)));
  if (!isSeen) throw httpApiError("precondition_failed");
}
