/**
 * `POST /api/v1/users/import`: users of another system, a JSON text a line. Each line is answered by a line, in order: a bad one is
 * named, and the rest goes on. What is there already as the line says is left alone, so that an import that broke off is sent again.
 */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import {
  type CallerRefusal,
  type DeclaredRoute,
  declareRoute,
  type Problem,
  ProblemsError,
  type RefusalNow,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  hasCode,
  isShapedLikeSub,
  isUuid,
  type Log,
  PortcullisError,
  type UserImportResult,
} from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../../people/errors.ts";
import { insertCredentials } from "../../people/imported-credentials.ts";
import { problemOfHash } from "../../people/password-hash.ts";
import { foldedName, usernameKey } from "../../people/username.ts";
import { fieldsOf, namedWithSub, type User, type Users } from "../../people/users.ts";
import { EXAMPLE_SID, OUTAGES } from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { checkUserFields, userFieldsSchema } from "./user-fields.ts";

export const NDJSON = "application/x-ndjson";
const MAX_LINE_BYTES = 64 * 1024;
/** At once: they share a transaction. */
const LINES_PER_STEP = 50;
const MAX_CREDENTIALS_OF_A_KIND = 20;

export interface ImportOptions {
  readonly users: Users;
  readonly storage: Storage;
  readonly log: Pick<Log, "error">;
}

const credentials = z
  .array(z.record(z.string().max(100), z.json()))
  .max(MAX_CREDENTIALS_OF_A_KIND)
  .default([]);

const passwordHashSchema = z
  .string()
  .max(1024)
  .superRefine((hash, context) => {
    const problem = problemOfHash(hash);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

/** Those of all others are: so a twin of a stored one, in the other case, can be looked up. */
function isOfOneCase(sub: string): boolean {
  return !isUuid(sub) || sub === sub.toLowerCase() || sub === sub.toUpperCase();
}

/** One line. */
const importedUserSchema = userFieldsSchema.extend({
  sub: z
    .string()
    .refine(isShapedLikeSub, "must be 22 characters of base64url, or a UUID")
    .refine(isOfOneCase, "is a UUID of upper and lower case letters: write all of it in one of them")
    .optional(),
  status: z.enum(["active", "disabled"]).default("active"),
  passwordHash: passwordHashSchema.optional(),
  totp: credentials,
  upstream: credentials,
  passkeys: credentials,
});
type ImportedUser = z.output<typeof importedUserSchema>;

const EXAMPLE_LINE = {
  sub: "018f2c1e-7a30-7c3e-8f53-0d2a5f0a1b2c",
  username: "alice",
  email: "alice@example.com",
  emailVerified: true,
  name: "Alice Example",
  passwordHash: "$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
};

export const importRoute = (options: ImportOptions): DeclaredRoute =>
  declareRoute({
    tag: "Users",
    operationId: "importUsers",
    method: "POST",
    path: "/users/import",
    summary: "Import users: a JSON text a line, each answered by a line",
    description:
      "A line has the fields of a new user, and may have `sub`, `status`, `passwordHash` (argon2id, bcrypt, scrypt or PBKDF2), `totp`, `upstream` and `passkeys`. It is answered with `created`, `unchanged` (the user is there already, and as the line says) or `failed`, with its number. A request has 30 seconds: send a large file in parts, and a part that broke off again. If the token is revoked meanwhile, the next line is `failed` with what a new call would be refused with, and the answer ends there.",
    scope: API_SCOPES.writeUsers,
    upload: { mediaType: NDJSON, says: "A user a line.", example: `${JSON.stringify(EXAMPLE_LINE)}\n` },
    answers: {
      200: {
        says: "What became of each line, in order.",
        stream: NDJSON,
        example: `${JSON.stringify({ line: 1, result: "created", sub: EXAMPLE_SID })}\n`,
      },
    },
    errors: OUTAGES,
    handle: async ({ upload, refusalNow }) => ({
      status: 200,
      stream: (response) => void importAll(options, { upload: upload(), response, refusalNow }),
    }),
  });

interface Importing {
  readonly upload: Readable;
  readonly response: ServerResponse;
  readonly refusalNow: RefusalNow;
}

async function importAll(options: ImportOptions, { upload, response, refusalNow }: Importing): Promise<void> {
  response.writeHead(200, { "content-type": NDJSON, "cache-control": "no-store" });
  response.flushHeaders();
  try {
    for await (const lines of inSteps(linesOf(upload))) {
      // Lines may come for as long as a request lasts, and the token ends meanwhile.
      const refusal = await refusalNow();
      if (refusal !== undefined) return void response.end(`${JSON.stringify(refused(lines[0]!, refusal))}\n`);
      const results = await importLines(options, lines);
      await write(response, results.map((result) => `${JSON.stringify(result)}\n`).join(""));
    }
    response.end();
  } catch (error) {
    // The caller is gone, or sends no more: what was answered is stored.
    options.log.error({ event: "import_broke_off", error });
    response.destroy();
  }
}

const refused = ({ number }: Line, { body }: CallerRefusal): UserImportResult => ({
  line: number,
  result: "failed",
  code: body.error,
  detail: `${body.error_description} The import ends here: nothing of this line and of those after it was stored.`,
});

async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed) throw new Error("the caller of an import is gone");
  if (!response.write(text)) await Promise.race([once(response, "drain"), once(response, "close")]);
}

interface Line {
  readonly number: number;
  /** Undefined: longer than a line may be. */
  readonly bytes: Buffer | undefined;
}

/** As many at once as have come whole. */
async function* linesOf(upload: Readable): AsyncGenerator<Line[]> {
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  let isTooLong = false;
  const take = (bytes: Buffer): Line => {
    const line = { number: ++number, bytes: isTooLong || bytes.length > MAX_LINE_BYTES ? undefined : bytes };
    isTooLong = false;
    return line;
  };
  // Not destroyed when the import ends before it: that would take the answer with it. Node reads the rest, and forgets it.
  for await (const chunk of upload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      lines.push(take(Buffer.concat([rest, chunk.subarray(start, end)])));
      rest = Buffer.alloc(0);
      start = end + 1;
    }
    yield lines;
    rest = Buffer.concat([rest, chunk.subarray(start)]);
    if (rest.length <= MAX_LINE_BYTES) continue;
    isTooLong = true;
    rest = Buffer.alloc(0);
  }
  if (rest.length > 0 || isTooLong) yield [take(rest)];
}

/** What has come, as far as a step: a caller who waits for an answer before the next line is not kept waiting for more. */
async function* inSteps(arriving: AsyncGenerator<Line[]>): AsyncGenerator<Line[]> {
  for await (const arrived of arriving) {
    const lines = arrived.filter(({ bytes }) => bytes?.toString("latin1").trim() !== "");
    for (let at = 0; at < lines.length; at += LINES_PER_STEP) yield lines.slice(at, at + LINES_PER_STEP);
  }
}

/**
 * Lines that want one name are stored one after the other, so that the first in the file has it: units of other lines run side by side
 * on PostgreSQL.
 */
function importLines(options: ImportOptions, lines: readonly Line[]): Promise<UserImportResult[]> {
  const latest = new Map<string, Promise<unknown>>();
  const importing = lines.map((line) => {
    const read = attempt(() => readLine(line.bytes));
    const names = "user" in read ? namesIn(read.user) : [];
    const before = names.flatMap((name) => latest.get(name) ?? []);
    const result = Promise.all(before).then(() => importLine(options, line.number, read));
    for (const name of names) latest.set(name, result);
    return result;
  });
  return Promise.all(importing);
}

type Read = { readonly user: ImportedUser } | { readonly error: unknown };

function attempt(read: () => ImportedUser): Read {
  try {
    return { user: read() };
  } catch (error) {
    return { error };
  }
}

/** What no other user may have, as it is looked up. */
const namesIn = ({ sub, username, email }: ImportedUser): string[] => [
  ...(sub === undefined ? [] : [`sub ${sub.toLowerCase()}`]),
  ...(username === undefined ? [] : [`username ${usernameKey(username)}`]),
  ...(email === undefined ? [] : [`email ${foldedName(email)}`]),
];

/** Never rejects. */
async function importLine(options: ImportOptions, line: number, read: Read): Promise<UserImportResult> {
  try {
    if ("error" in read) throw read.error;
    const { user } = read;
    const { sub, isNew } = await options.storage.write((transaction) => store(transaction, options, user));
    return { line, result: isNew ? "created" : "unchanged", sub };
  } catch (error) {
    return { line, result: "failed", ...failureOf(error, options) };
  }
}

function failureOf(
  error: unknown,
  { log }: ImportOptions,
): Pick<UserImportResult, "code" | "detail" | "problems"> {
  if (error instanceof ProblemsError)
    return { code: error.code, detail: error.message, problems: [...error.problems] };
  if (error instanceof PortcullisError) return { code: error.code, detail: error.message };
  log.error({ event: "import_line_failed", error });
  return { code: "server_error", detail: "Something failed here; it was logged." };
}

function readLine(bytes: Buffer | undefined): ImportedUser {
  if (bytes === undefined) throw problem(`Longer than ${MAX_LINE_BYTES} bytes; make it shorter.`);
  const user = checkUserFields(importedUserSchema, jsonIn(bytes));
  const { sub, username, emailVerified } = user;
  if (sub === undefined && username === undefined && !emailVerified)
    throw new ProblemsError([
      {
        field: "username",
        message:
          "Missing, and so are sub and a verified email: sent again, the line could not be told from a new one.",
      },
    ]);
  return user;
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    // The message of the parser quotes the text, which may hold a hash.
    throw problem(error instanceof SyntaxError ? "Is no JSON text." : "Is not UTF-8.");
  }
}

const problem = (message: string): ProblemsError =>
  new ProblemsError([{ field: "line", message } satisfies Problem]);

async function store(
  transaction: WriteTransaction,
  { users }: ImportOptions,
  imported: ImportedUser,
): Promise<{ readonly sub: string; readonly isNew: boolean }> {
  const known = await find(transaction, users, imported);
  if (known !== undefined) return assertSame(known, imported);
  try {
    return await create(transaction, users, imported);
  } catch (error) {
    if (!TAKEN.some((code) => hasCode(error, code))) throw error;
    // PostgreSQL shows what another has committed since this looked: most often the same line, sent twice at once.
    const first = await find(transaction, users, imported);
    if (first === undefined) throw error;
    return assertSame(first, imported);
  }
}

const TAKEN = ["username_taken", "email_taken", "sub_taken"] as const;

async function create(transaction: WriteTransaction, users: Users, imported: ImportedUser) {
  const { sub, status, passwordHash = null, totp, upstream, passkeys, ...fields } = imported;
  const disabled = status === "disabled";
  const user = await users.create(transaction, { ...fields, sub, passwordHash, disabled, origin: "import" });
  await insertCredentials(transaction, user, { totp, upstream, passkey: passkeys });
  return { sub: user.id, isNew: true };
}

async function find(
  transaction: WriteTransaction,
  users: Users,
  { sub, username, email, emailVerified }: ImportedUser,
): Promise<User | undefined> {
  const names = [sub, username, emailVerified ? email : undefined];
  for (const name of names) {
    const found = name === undefined ? undefined : await users.search(transaction, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

const COMPARED = [
  "username",
  "email",
  "emailVerified",
  "name",
  "picture",
  "locale",
  "profile",
  "attributes",
] as const;

/** The password is not compared: a sign-in since has hashed it anew. Throws `user_differs`. */
function assertSame(known: User, imported: ImportedUser) {
  const stored = fieldsOf(known);
  const differing: string[] = COMPARED.filter((field) => !isDeepStrictEqual(stored[field], imported[field]));
  if (imported.sub !== undefined && imported.sub !== known.id) differing.unshift("sub");
  if (differing.length === 0) return { sub: known.id, isNew: false };
  throw peopleError("user_differs", {
    text: `There is ${namedWithSub(known)} already, and the line says another ${differing.join(", ")}. An import changes nobody. Nothing was changed.`,
  });
}
