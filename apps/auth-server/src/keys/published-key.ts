/** The key that signs, and whether verifiers of others have had the time to learn of it. */
import { KEY_KNOWN_AFTER_SECONDS, type SigningAlgorithm, type SigningNow } from "@portcullis/protocol";
import type { PromotedKey } from "./key-rows.ts";

/** What operators are told. The age is never below zero: the server that made the key may be a little ahead of this one. */
export function signingNow(
  { algorithm, kid, publishedAt }: PromotedKey & { readonly algorithm: SigningAlgorithm },
  nowSeconds: number,
): SigningNow {
  const age = Math.max(0, nowSeconds - publishedAt);
  return {
    kid,
    algorithm,
    publishedSince: new Date(publishedAt * 1000).toISOString(),
    ...(age < KEY_KNOWN_AFTER_SECONDS
      ? { warning: { code: "recently_published", text: recentlyPublished(age) } }
      : {}),
  };
}

const recentlyPublished = (age: number): string =>
  `The key was published only ${ageText(age)} ago: verifiers of others may refuse its tokens until they fetch the keys again. Keep a key next for ${KEY_KNOWN_AFTER_SECONDS / 60} minutes before it signs.`;

/** Whole minutes, and seconds below the first of them. */
function ageText(age: number): string {
  return age < 60 ? countOf(age, "second") : countOf(Math.floor(age / 60), "minute");
}

const countOf = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? "" : "s"}`;
