/** `GET /api/v1/users/export`: all users, in the form that an import takes. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type Caller, type DeclaredRoute, declareRoute, type RefusalNow } from "@portcullis/http-api";
import { API_SCOPES, type Log } from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../../people/errors.ts";
import { credentialsOf } from "../../people/imported-credentials.ts";
import { listUsers, type UserPlace } from "../../people/search-users.ts";
import { fieldsOf, type User } from "../../people/users.ts";
import { OUTAGES } from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import { type Authority, usersAbove } from "../check-authority.ts";
import { NDJSON } from "./import.ts";

export interface ExportOptions {
  readonly storage: Storage;
  readonly log: Pick<Log, "error">;
  readonly authority: Authority;
}

const USERS_PER_STEP = 200;

export const exportRoute = (options: ExportOptions): DeclaredRoute =>
  declareRoute({
    tag: "Users",
    operationId: "exportUsers",
    method: "GET",
    path: "/users/export",
    summary: "Export all users: a JSON text a line, as an import takes it",
    description:
      "Whoever is created, renamed or deleted meanwhile may be missing, or come as of before. `secrets=true` adds password hashes and imported credentials, and needs the scope `users.write` as well. Those of an administrator are for administrators, and for clients that have every scope of this API: other clients get `secretsWithheld` in their place, which no import takes.",
    scope: API_SCOPES.readUsers,
    parameters: {
      query: z.strictObject({
        secrets: z
          .enum(["true", "false"], "Must be true or false.")
          .default("false")
          .transform((text) => text === "true")
          .meta({ description: "With password hashes and imported credentials.", example: "true" }),
      }),
    },
    answers: {
      200: {
        says: "A user a line.",
        stream: NDJSON,
        example: `${JSON.stringify({ sub: "Vt8Vt7mGQf2bqfYkq0hZ0A", username: "alice", status: "active" })}\n`,
      },
    },
    errors: [...peopleError.definitions("secrets_need_write"), ...OUTAGES],
    async handle({ query: { secrets }, caller, refusalNow }) {
      if (secrets && !mayWrite(caller)) throw peopleError("secrets_need_write");
      const toLines = secrets
        ? withSecrets(options.storage, await usersAbove(options.authority, caller))
        : async (users: readonly User[]) => users.map(lineOf);
      // Before the answer begins: an outage is told as one.
      const first = await page(options.storage, undefined);
      return {
        status: 200,
        stream: (response) => void exportAll(options, { first, toLines, response, refusalNow }),
      };
    },
  });

/** The declared scope is that of whoever may see users; hashes are for whoever may set them. */
const mayWrite = ({ claims }: Caller): boolean =>
  String((claims as { readonly scope?: unknown }).scope ?? "")
    .split(" ")
    .includes(API_SCOPES.writeUsers);

const page = (storage: Storage, after: UserPlace | undefined) =>
  listUsers(storage, {}, { after, limit: USERS_PER_STEP });

interface Exporting {
  readonly first: Awaited<ReturnType<typeof page>>;
  readonly toLines: (users: readonly User[]) => Promise<object[]>;
  readonly response: ServerResponse;
  readonly refusalNow: RefusalNow;
}

async function exportAll(
  { storage, log }: ExportOptions,
  { first, toLines, response, refusalNow }: Exporting,
): Promise<void> {
  response.writeHead(200, { "content-type": NDJSON, "cache-control": "no-store" });
  try {
    for (let users = first; users.length > 0 && !response.destroyed; ) {
      const text = (await toLines(users)).map((line) => `${JSON.stringify(line)}\n`).join("");
      if (!response.write(text)) await Promise.race([once(response, "drain"), once(response, "close")]);
      const { found_by: key, id: sub } = users.at(-1)!;
      users = users.length < USERS_PER_STEP ? [] : await page(storage, { key, sub });
      if ((await refusalNow()) !== undefined) throw new Error("the token of an export has ended");
    }
    response.end();
  } catch (error) {
    // Cut, and not ended: what was sent must not be taken for all.
    log.error({ event: "export_broke_off", error });
    response.destroy();
  }
}

const lineOf = (user: User) => ({
  sub: user.id,
  ...fieldsOf(user),
  status: user.disabled_at === null ? "active" : "disabled",
});

/** With a hash, a password is guessed without asking this server: whoever could not set it does not get it, and reads that he did not. */
const withSecrets =
  ({ read }: Storage, aboveCaller: Awaited<ReturnType<typeof usersAbove>>): Exporting["toLines"] =>
  async (users) => {
    const subs = users.map(({ id }) => id);
    const [credentials, above] = [await credentialsOf(read, subs), await aboveCaller(read, subs)];
    return users.map((user) =>
      above.has(user.id)
        ? { ...lineOf(user), secretsWithheld: true }
        : { ...lineOf(user), ...secretsOf(user, credentials.get(user.id)) },
    );
  };

type Credentials = Awaited<ReturnType<typeof credentialsOf>>;

function secretsOf({ password_hash }: User, credentials: ReturnType<Credentials["get"]>) {
  const { passkey: passkeys, ...others } = credentials ?? {};
  const hash = password_hash === null ? {} : { passwordHash: password_hash };
  return { ...hash, ...others, ...(passkeys === undefined ? {} : { passkeys }) };
}
