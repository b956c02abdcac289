import { isDotSegment, isShapedLikeSub } from "@portcullis/protocol";

const LONGEST = 128;

/**
 * The one spelling that a username or an e-mail address is looked up by: compatibility forms and letter cases fall together, so that
 * guesses under twins of a name are counted as guesses of that name. Undefined for what cannot be a name.
 */
export function usernameKey(username: string): string | undefined {
  if (username.length > LONGEST) return undefined;
  const folded = foldedName(username);
  if (folded === "" || folded.length > LONGEST || /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(folded))
    return undefined;
  return folded;
}

/** Lower-casing twice around NFKC: some characters only fold after they were decomposed, and the reverse. */
export const foldedName = (name: string): string =>
  name.normalize("NFKC").toLowerCase().normalize("NFKC").trim();

/**
 * What is wrong with a name for a new user, or undefined. Everything that takes a user takes a `sub`, a username or an
 * e-mail address: a name that could be one of the others would lead to somebody else. All of it is asked of the spelling that is looked
 * up, since a wide `@` is one there. For the rest, the profile UsernameCaseMapped (RFC 8265, section 3.3).
 */
export function problemOfUsername(username: string): string | undefined {
  const key = usernameKey(username);
  if (key === undefined) return "cannot be a username: leave out control characters";
  if (key.includes("@")) return "is spelt like an e-mail address: usernames have no @";
  if (isShapedLikeSub(key))
    return "is spelt like a sub (22 characters of base64url, or a UUID): make it longer or shorter";
  if (isDotSegment(key) || WORDS_OF_THE_API.has(key)) return "is a word of the API's paths; take another";
  return problemOfCharacters(username);
}

/** What stands where a user does: `/users/import`. */
const WORDS_OF_THE_API: ReadonlySet<string> = new Set(["import", "export"]);

/** Forms for half and full width are other ways to type the same (RFC 8265, section 3.3.2, rule 1). */
const WIDTH_FORMS = /[\u3000\uff00-\uffef]+/g;

function problemOfCharacters(username: string): string | undefined {
  const mapped = username
    .replace(WIDTH_FORMS, (text) => text.normalize("NFKC"))
    .toLowerCase()
    .normalize("NFC");
  const foreign = [...mapped].find((character, at, all) => !isIdentifierCharacter(character, all[at - 1]));
  if (foreign !== undefined) {
    const shown = foreign.trim() === "" ? "a space" : JSON.stringify(foreign);
    return `has ${shown}, which no username may have: take letters, digits and signs such as . _ and -`;
  }
  return mixesDirections(mapped) ? "mixes letters that run from right to left with others" : undefined;
}

/** IdentifierClass of RFC 8264, section 4.2: letters, marks and digits of any script that have one form alone, and ASCII's signs. */
function isIdentifierCharacter(character: string, before: string | undefined): boolean {
  if (/^[\x21-\x7e]$/.test(character)) return true;
  // Between two l: Catalan. The other characters that depend on their neighbours are left out.
  if (character === "\u00b7") return before === "l";
  return LETTER.test(character) && character.normalize("NFKC") === character && !LEFT_OUT.test(character);
}

const LETTER = /^[\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}]$/u;
/** Old Hangul Jamo, and what is not seen (RFC 8264, sections 9.9 and 9.13). */
const LEFT_OUT = /^[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\p{Default_Ignorable_Code_Point}]$/u;

const RIGHT_TO_LEFT =
  /[\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Thaana}\p{sc=Nko}\p{sc=Adlam}\p{sc=Mandaic}\p{sc=Samaritan}]/u;

/** What is shown would not be what is stored (RFC 5893, section 2: the rule of such a label). */
function mixesDirections(name: string): boolean {
  if (!RIGHT_TO_LEFT.test(name)) return false;
  const hasOthers = [...name].some((character) => /\p{L}/u.test(character) && !RIGHT_TO_LEFT.test(character));
  return hasOthers || !RIGHT_TO_LEFT.test([...name][0]!);
}
