/** Claims that an API has in its access tokens about their user, beside those of every token. */
import type { Api } from "../../apis/apis.ts";
import type { User } from "../../people/users.ts";

/** What is not known of the user is left out. */
export const apiClaims = ({ claims }: Pick<Api, "claims">, user: User): Record<string, string> =>
  Object.fromEntries(
    Object.entries(claims)
      .map(([claim, source]) => [claim, SOURCES[source]?.(user)] as const)
      .filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );

const SOURCES: Readonly<Record<string, (user: User) => string | null>> = {
  username: ({ username }) => username,
  name: ({ name }) => name,
  email: ({ email }) => email,
};
