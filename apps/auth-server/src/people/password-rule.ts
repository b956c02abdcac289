/**
 * What a new password may be: one rule, for everybody who sets one. It is asked of the spelling that is hashed, and counts as NIST
 * SP 800-63B (5.1.1.2) does: each code point is a character. An import brings hashes, and no password to ask.
 */
import { z } from "zod";

const SHORTEST = 8;
/** More would only make the server hash longer texts for strangers. */
const LONGEST = 1024;

/** Spellings of one password that keyboards differ in (a composed or decomposed accent) are one password. */
export const spellingOf = (password: string): string => password.normalize("NFC");

/** Whether it can be nobody's. */
export const isTooLong = (password: string): boolean => lengthOf(password) > LONGEST;

const lengthOf = (password: string): number => [...spellingOf(password)].length;

/** For who chooses it. */
export const UNFIT_PASSWORDS = {
  too_short: `Use ${SHORTEST} characters or more.`,
  too_long: `Use ${LONGEST} characters at most.`,
  control_character: "There is a control character in it, such as a tab. Leave it out.",
  blank: "It is blank. Use characters that can be seen, too.",
} as const;
export type UnfitPassword = keyof typeof UNFIT_PASSWORDS;

/** What is wrong with a new password, or undefined. */
export function unfitnessOf(password: string): UnfitPassword | undefined {
  if (lengthOf(password) < SHORTEST) return "too_short";
  if (isTooLong(password)) return "too_long";
  if (UNTYPABLE.test(password)) return "control_character";
  return BLANK.test(password) ? "blank" : undefined;
}

/** Half a surrogate pair as well: all of them are hashed as the same replacement character. */
const UNTYPABLE = /[\p{Cc}\p{Cs}]/u;
const BLANK = /^[\s\p{Default_Ignorable_Code_Point}]*$/u;

export const passwordSchema = z
  .string()
  .superRefine((password, context) => {
    const unfit = unfitnessOf(password);
    if (unfit !== undefined) context.addIssue({ code: "custom", message: UNFIT_PASSWORDS[unfit] });
  })
  .meta({
    description: `${SHORTEST} to ${LONGEST} characters: no control characters, and not white space alone.`,
    minLength: SHORTEST,
    maxLength: LONGEST,
  });
