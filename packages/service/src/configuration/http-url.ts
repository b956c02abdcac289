import { z } from "zod";

/** An http or https URL without anything that does not name a place. */
export const httpUrlSchema = z
  .string()
  .min(1)
  .refine(isHttpUrl, "must be an http or https URL without user, query or fragment");

/** Scheme, host and port alone. */
export const originSchema = z
  .string()
  .min(1)
  .refine(
    (value) => isHttpUrl(value) && new URL(value).origin === value,
    'must be scheme, host and port only, as in "https://app.example"; no path',
  );

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value);
  if (url === null || !["http:", "https:"].includes(url.protocol)) return false;
  return url.username === "" && url.password === "" && !/[?#]/.test(value);
}
