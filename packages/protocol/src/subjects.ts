/**
 * What names somebody in the `sub` of a token: a user, or an app that acts for itself, whose `sub` is its `client_id` (RFC 9068,
 * section 2.2). A service reads `sub` alone, so no app may have a name that is, was or may become that of a user (RFC 9700, section 4.15).
 */
import { z } from "zod";
import { PERSONAL_TOKEN_CLIENT } from "./opaque-token.ts";

const OURS = /^[\w-]{22}$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Whether a user may have this `sub`: 22 characters of base64url, as ours, or a UUID, as most other systems make them, whose users keep
 * theirs. The one rule for all that must not be taken for a user, and for what an imported user may bring. Letter case does not count: names are folded.
 */
export const isShapedLikeSub = (text: string): boolean => OURS.test(text) || isUuid(text);

/** In any letter case, as they are read (RFC 9562, section 4). */
export const isUuid = (text: string): boolean => UUID.test(text);

/** Whether this is a step of a path, and not a name: clients take `/users/..` for `/` before they send it (RFC 3986, section 5.2.4). */
export const isDotSegment = (text: string): boolean => text === "." || text === "..";

/** Name of an app in the protocol. */
export const clientIdSchema = z
  .string()
  .regex(/^[\w.@-]{1,100}$/, "must have letters, digits, and . _ @ - only")
  .refine(
    (text) => !isShapedLikeSub(text),
    "looks like the sub of a user (22 characters of base64url, or a UUID): make it longer or shorter",
  )
  .refine((text) => !isDotSegment(text), "is a step of a path: take another name")
  // An app may ask about its own tokens: one of this name could about everybody's.
  .refine(
    (text) => text !== PERSONAL_TOKEN_CLIENT,
    "is what personal tokens have in place of an app: take another name",
  );
