import { decodeIdentifier } from "@portcullis/protocol";

const LONGEST = 128;

/**
 * The one spelling that a username is looked up by: compatibility forms and letter cases fall together, so that
 * guesses under twins of a name are counted as guesses of that name. Undefined for what cannot be a name.
 */
export function usernameKey(username: string): string | undefined {
  if (username.length > LONGEST) return undefined;
  // Lower-casing twice around NFKC: some characters only fold after they were decomposed, and the reverse.
  const folded = username.normalize("NFKC").toLowerCase().normalize("NFKC").trim();
  if (folded === "" || folded.length > LONGEST || /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(folded))
    return undefined;
  return folded;
}

/**
 * What is wrong with a name for a new user, or undefined. Everything that takes a user takes a `sub`, a username or an
 * e-mail address: a name that could be one of the others would lead to somebody else.
 */
export function problemOfUsername(username: string): string | undefined {
  if (usernameKey(username) === undefined) return "cannot be a username: leave out control characters";
  if (username.includes("@")) return "is spelt like an e-mail address: usernames have no @";
  if (decodeIdentifier(username) !== undefined)
    return "is spelt like a sub (22 characters of base64url): make it longer or shorter";
  return undefined;
}
