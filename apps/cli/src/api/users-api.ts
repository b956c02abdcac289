/** The calls of users: docs/reference/api.md. */
import {
  type ChangedUser,
  changedUserSchema,
  type DryRun,
  dryRunSchema,
  type UserAnswer,
  type UserImportResult,
  type UserList,
  type UserState,
  type UserUnlocked,
  type UserWithRights,
  userImportResultSchema,
  userListSchema,
  userSchema,
  userStateSchema,
  userUnlockedSchema,
  userWithRightsSchema,
} from "@portcullis/protocol";
import { z } from "zod";

const MAX_ITEMS_PER_PAGE = 200;
const DRY_RUN = { dryRun: "true" } as const;
export const NDJSON = "application/x-ndjson";

export interface ApiCall {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path?: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly waitSeconds?: number | undefined;
  readonly body?: unknown;
  /** In place of a body that is JSON. */
  readonly text?: { readonly mediaType: string; readonly content: string };
}

/** Makes a call below `/api/v1`, and reads its answer. */
export type AskApi = <Schema extends z.ZodType>(schema: Schema, call: ApiCall) => Promise<z.output<Schema>>;

export class UsersApi {
  readonly #ask: AskApi;

  constructor(ask: AskApi) {
    this.#ask = ask;
  }

  /** As many pages as it takes. `next` is there if there are more. */
  async list(
    query: { q?: string | undefined; status?: string | undefined; role?: string | undefined },
    most: number,
  ): Promise<UserList> {
    const items: UserAnswer[] = [];
    let cursor: string | undefined;
    do {
      const limit = Math.min(MAX_ITEMS_PER_PAGE, most - items.length);
      const page = await this.#ask(userListSchema, { path: "/users", query: { ...query, limit, cursor } });
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined && items.length < most);
    return { items, ...(cursor === undefined ? {} : { next: cursor }) };
  }

  get(user: string): Promise<UserWithRights> {
    return this.#ask(userWithRightsSchema, { path: pathOf(user) });
  }

  create(body: object): Promise<UserAnswer> {
    return this.#ask(userSchema, { method: "POST", path: "/users", body });
  }

  update(user: string, body: object, waitSeconds: number): Promise<ChangedUser> {
    return this.#ask(changedUserSchema, { method: "PATCH", path: pathOf(user), body, waitSeconds });
  }

  wouldUpdate(user: string, body: object): Promise<DryRun> {
    return this.#ask(dryRunSchema, { method: "PATCH", path: pathOf(user), body, query: DRY_RUN });
  }

  delete(user: string, note: string | undefined, waitSeconds: number): Promise<UserState> {
    const query = { note };
    return this.#ask(userStateSchema, { method: "DELETE", path: pathOf(user), query, waitSeconds });
  }

  wouldDelete(user: string): Promise<DryRun> {
    return this.#ask(dryRunSchema, { method: "DELETE", path: pathOf(user), query: DRY_RUN });
  }

  setPassword(user: string, body: object, waitSeconds: number): Promise<UserState> {
    return this.#ask(userStateSchema, { method: "POST", path: passwordPathOf(user), body, waitSeconds });
  }

  wouldSetPassword(user: string, body: object): Promise<DryRun> {
    return this.#ask(dryRunSchema, { method: "POST", path: passwordPathOf(user), body, query: DRY_RUN });
  }

  unlock(user: string): Promise<UserUnlocked> {
    return this.#ask(userUnlockedSchema, { method: "POST", path: `${pathOf(user)}/unlock` });
  }

  import(lines: readonly string[]): Promise<UserImportResult[]> {
    const text = { mediaType: NDJSON, content: lines.map((line) => `${line}\n`).join("") };
    return this.#ask(linesOf(userImportResultSchema), { method: "POST", path: "/users/import", text });
  }

  export(secrets: boolean): Promise<string> {
    const query = secrets ? { secrets: "true" } : {};
    return this.#ask(z.string(), { path: "/users/export", query });
  }
}

const passwordPathOf = (user: string): string => `${pathOf(user)}/password`;
const pathOf = (user: string): string => `/users/${encodeURIComponent(user)}`;

const linesOf = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text) =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as unknown),
    )
    .pipe(z.array(schema));
