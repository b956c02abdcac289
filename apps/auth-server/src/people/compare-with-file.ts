/**
 * Users are only ever made by the configuration file, never changed nor taken away by it: SQL is the truth. Whoever
 * edits the file in the belief that it does more must hear that it does not, or a dismissed user goes on signing in.
 */

import type { Log } from "@portcullis/protocol";
import type { UserConfiguration } from "../config/schema.ts";
import { verifyPassword } from "./password-hash.ts";
import { usernameKey } from "./username.ts";
import { labelOf, type User, type Users } from "./users.ts";

export interface CompareOptions {
  readonly users: Users;
  readonly file: readonly UserConfiguration[];
  readonly operatorLog: Log;
}

export interface Comparison {
  readonly compared: Promise<void>;
  close(): Promise<void>;
}

/** Goes on after the start: a password takes some 20 ms to compare, one after the other, and there may be hundreds. */
export function compareWithFile(options: CompareOptions): Comparison {
  const closing = new AbortController();
  const compared = compare(options, closing.signal).catch((error: unknown) =>
    options.operatorLog.warn({ event: "users_of_file_not_compared", error }),
  );
  return {
    compared,
    async close() {
      closing.abort();
      await compared;
    },
  };
}

async function compare({ users, file, operatorLog }: CompareOptions, signal: AbortSignal): Promise<void> {
  const stored = await users.ofFile();
  const byKey = new Map(stored.map((user) => [user.username_key ?? "", user]));
  const inFile = new Set(file.map(({ username }) => usernameKey(username)));
  const gone = stored.filter(
    (user) => !inFile.has(user.username_key ?? undefined) && user.disabled_at === null,
  );
  if (gone.length > 0) operatorLog.warn(ignored(gone, GONE));
  for (const user of file) {
    const known = byKey.get(usernameKey(user.username) ?? "");
    if (known === undefined) continue;
    const fields = differing(user, known);
    if (fields.length > 0) operatorLog.warn(ignored([known], differs(fields.join(", "))));
    if (signal.aborted) return;
    if (!(await verifyPassword(user.password, known.password_hash ?? ""))) {
      operatorLog.warn(ignored([known], differs("password")));
    }
  }
}

function differing({ name, email }: UserConfiguration, user: User): string[] {
  const fields = { name: name === user.name, email: (email ?? null) === user.email };
  return Object.entries(fields).flatMap(([field, isSame]) => (isSame ? [] : [field]));
}

const MAX_NAMED = 50;
const GONE =
  "no longer in the file, which changes nothing: they can sign in as before. To end that: portcullis users disable USERNAME";
const differs = (fields: string): string =>
  `${fields}: the file says another than what is stored, and the stored one counts: the file makes users, and never changes them`;

const ignored = (users: readonly User[], text: string) => ({
  event: "users_of_file_ignored",
  users: users.slice(0, MAX_NAMED).map(labelOf),
  ...(users.length > MAX_NAMED ? { more: users.length - MAX_NAMED } : {}),
  text,
});
