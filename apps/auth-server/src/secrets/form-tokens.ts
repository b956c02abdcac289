import { createHmac, timingSafeEqual } from "node:crypto";

/** Tokens of forms that need no storage: bound to what the form is for by a keyed hash. */
export interface FormTokens {
  tokenFor(purpose: string): string;
  isTokenFor(purpose: string, token: unknown): boolean;
}

export function createFormTokens(key: string): FormTokens {
  const tokenFor = (purpose: string): string =>
    createHmac("sha256", key).update(`form\n${purpose}`).digest("base64url");
  return {
    tokenFor,
    isTokenFor(purpose, token) {
      if (typeof token !== "string") return false;
      const expected = Buffer.from(tokenFor(purpose));
      const actual = Buffer.from(token);
      return expected.length === actual.length && timingSafeEqual(expected, actual);
    },
  };
}
