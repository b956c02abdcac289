/** What apps are told of a user. Which scope tells what says state/claims-of-scopes.ts. */
import type { UserProfile } from "@portcullis/protocol";
import type { Account } from "oidc-provider";
import { profileOf, type User, type Users } from "../../people/users.ts";
import { CLAIMS_OF_SCOPE } from "../state/claims-of-scopes.ts";

type Claim = string | boolean | number | Readonly<Record<string, string>>;

/** Claims of one user. What is not known of the user is not among them. */
type AccountClaims = { readonly sub: string } & Readonly<Record<string, Claim>>;

/** Undefined for a user who is gone or disabled: every grant type is then refused. */
export async function accountOf(users: Users, id: string): Promise<Account | undefined> {
  const user = await users.findActive(id);
  return user && { accountId: id, claims: async () => ({ ...claimsOf(user) }) };
}

export function claimsOf(user: User): AccountClaims {
  const known: Readonly<Record<string, Claim | null | undefined>> = {
    name: user.name,
    picture: user.picture,
    locale: user.locale,
    preferred_username: user.username,
    ...claimsOfProfile(profileOf(user)),
    ...(user.email === null ? {} : { email: user.email, email_verified: user.email_verified === 1 }),
  };
  const claims = Object.entries(known).filter(
    (entry): entry is [string, Claim] => (entry[1] ?? null) !== null,
  );
  return { sub: user.id, updated_at: user.changed_at, ...Object.fromEntries(claims) };
}

/** By the names of OpenID Connect Core, section 5.1. */
const claimsOfProfile = ({ phoneNumber, phoneNumberVerified, address, ...profile }: UserProfile) => ({
  given_name: profile.givenName,
  family_name: profile.familyName,
  middle_name: profile.middleName,
  nickname: profile.nickname,
  profile: profile.profileUrl,
  website: profile.website,
  gender: profile.gender,
  birthdate: profile.birthdate,
  zoneinfo: profile.zoneinfo,
  ...(phoneNumber === undefined
    ? {}
    : { phone_number: phoneNumber, phone_number_verified: phoneNumberVerified === true }),
  address: address && claimOfAddress(address),
});

/** By the names of section 5.1.1. Undefined: nothing is known. */
function claimOfAddress(address: NonNullable<UserProfile["address"]>): Claim | undefined {
  const { formatted, streetAddress, locality, region, postalCode, country } = address;
  const members = Object.entries({
    formatted,
    street_address: streetAddress,
    locality,
    region,
    postal_code: postalCode,
    country,
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** When a user was changed last tells nothing of whom it is: nobody is asked about that alone. */
const TELLS_NOTHING = "updated_at";

/** Whether an app that has the scope learns anything by it, or may do anything. Nobody is asked to allow what cannot be given. */
export function givesAnything(scope: string, claims: Readonly<Record<string, unknown>>): boolean {
  const names = CLAIMS_OF_SCOPE[scope];
  return names === undefined || names.some((name) => name !== TELLS_NOTHING && Object.hasOwn(claims, name));
}
