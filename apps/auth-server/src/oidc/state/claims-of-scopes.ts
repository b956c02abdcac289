/**
 * What each scope tells of a user (OpenID Connect Core, section 5.4), edition by edition. Whoever has allowed a scope has allowed its
 * claims of that day: a scope that is to tell more gets another row here, and its users are asked again (state/allowed.ts). A row
 * that is there never grows.
 */
const EDITIONS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  openid: [["sub"]],
  profile: [
    ["name", "preferred_username", "picture", "locale"],
    [
      "given_name",
      "family_name",
      "middle_name",
      "nickname",
      "profile",
      "website",
      "gender",
      "birthdate",
      "zoneinfo",
      "updated_at",
    ],
  ],
  email: [["email", "email_verified"]],
  address: [["address"]],
  phone: [["phone_number", "phone_number_verified"]],
};

export const CLAIMS_OF_SCOPE: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(EDITIONS).map(([scope, editions]) => [scope, editions.flat()]),
);

/** That of today, from 0. Also of scopes that tell nothing. */
export const editionOfScope = (scope: string): number => Math.max(0, (EDITIONS[scope] ?? []).length - 1);

/** What the scope tells today, and did not tell then. */
export const claimsBeyond = (scope: string, edition: number): readonly string[] =>
  (EDITIONS[scope] ?? []).slice(edition + 1).flat();
