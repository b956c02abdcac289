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
