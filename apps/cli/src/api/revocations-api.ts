import { keySetOf } from "@portcullis/issuer";
import {
  API_SCOPES,
  type AppState,
  appStateSchema,
  type BanList,
  banListSchema,
  type ConsentList,
  consentListSchema,
  type DeclaredLoss,
  type DryRun,
  declaredLossSchema,
  dryRunSchema,
  type KeyList,
  type KeyRetirementAnswer,
  keyListSchema,
  keyRetirementAnswerSchema,
  type LiftedBan,
  type LogPage,
  liftedBanSchema,
  logPageSchema,
  type NewBan,
  newBanSchema,
  type RevocationAnswer,
  type RevocationPage,
  type RevocationStatus,
  type RoleList,
  type RotatedKey,
  revocationAnswerSchema,
  revocationPageSchema,
  revocationStatusSchema,
  roleListSchema,
  rotatedKeySchema,
  type SuspensionState,
  suspensionStateSchema,
  type UserState,
  userStateSchema,
  type VerifierList,
  verifierListSchema,
  type WithdrawnConsent,
  withdrawnConsentSchema,
} from "@portcullis/protocol";
import { type Feed, httpFeed } from "@portcullis/revocation";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { cliError } from "../errors.ts";
import type { StoredLogins } from "../login/stored-logins.ts";
import type { Settings } from "../settings.ts";
import { Credentials } from "./credentials.ts";
import { askingOf, discover, type Issuer } from "./discover.ts";
import { sayingItHere } from "./issuer-failure.ts";
import { type Answer, type Sending, send } from "./send.ts";
import { SessionsApi } from "./sessions-api.ts";
import { type ApiCall, UsersApi } from "./users-api.ts";

interface ApiOptions {
  readonly settings: Settings;
  readonly sending: Sending;
  /** What the verb needs and no more. */
  readonly scopes: readonly (keyof typeof API_SCOPES)[];
  readonly logins: StoredLogins;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Call extends ApiCall {
  /** Below which URL `path` is; default: the revocations. */
  readonly at?: "api";
}

/** Of a list below `/api/v1`. */
const MAX_ITEMS_PER_PAGE = 200;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string | undefined;
}

type StateVerb = "disable" | "enable";

interface ChangeOptions {
  readonly body: object;
  /** Seconds. */
  readonly wait: number;
}

/** Of the revocations, and of what is below `/api/v1` (RFC 9457). */
const SCOPE_IS_LACKING = "insufficient_scope";

const errorSchema = z.object({
  error: z.string().optional(),
  code: z.string().optional(),
  error_description: z.string().optional(),
  detail: z.string().optional(),
  problems: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});

/** The revocations API (docs/reference/revocations-api.md) and that of signing keys (docs/reference/api.md), as one client with the scopes of one verb. */
export class RevocationsApi {
  readonly issuer: Issuer;
  readonly #options: ApiOptions;
  readonly #credentials: Credentials;
  readonly sessions = new SessionsApi((schema, call) => this.#call(schema, { ...call, at: "api" }));
  readonly users = new UsersApi((schema, call) => this.#call(schema, { ...call, at: "api" }));

  static async connect(options: ApiOptions): Promise<RevocationsApi> {
    return new RevocationsApi(options, await discover(options.settings, options.sending));
  }

  private constructor(options: ApiOptions, issuer: Issuer) {
    const { settings, sending, logins, now } = options;
    this.#options = options;
    this.issuer = issuer;
    const scopes = options.scopes.map((name) => API_SCOPES[name]);
    this.#credentials = new Credentials({ settings, sending, issuer, scopes, logins, now });
  }

  /** Whether there is a token to ask with. */
  async authorize(): Promise<void> {
    await this.#credentials.authorization();
  }

  rolesOf(user: string): Promise<RoleList> {
    return this.#call(roleListSchema, { at: "api", path: `/users/${encodeURIComponent(user)}/roles` });
  }

  revoke(body: unknown, waitSeconds: number): Promise<RevocationAnswer> {
    return this.#call(revocationAnswerSchema, { method: "POST", body, waitSeconds });
  }

  wouldRevoke(body: unknown): Promise<DryRun> {
    return this.#wouldEnd({ method: "POST", body });
  }

  declareLoss(body: unknown): Promise<DeclaredLoss> {
    return this.#call(declaredLossSchema, { method: "POST", path: "/loss", body });
  }

  list(query: NonNullable<Call["query"]>): Promise<RevocationPage> {
    return this.#call(revocationPageSchema, { query });
  }

  show(seq: number, waitSeconds?: number): Promise<RevocationStatus> {
    return this.#call(revocationStatusSchema, { path: `/${seq}`, waitSeconds });
  }

  verifiers(): Promise<VerifierList> {
    return this.#call(verifierListSchema, { path: "/verifiers" });
  }

  suspendVerifier(body: unknown): Promise<SuspensionState> {
    return this.#call(suspensionStateSchema, { method: "POST", path: "/verifiers/suspend", body });
  }

  resumeVerifier(body: unknown): Promise<SuspensionState> {
    return this.#call(suspensionStateSchema, { method: "POST", path: "/verifiers/resume", body });
  }

  batches(after: number, limit: number): Promise<LogPage> {
    return this.#call(logPageSchema, { path: "/batches", query: { after, limit } });
  }

  async keys(): Promise<KeyList> {
    return { items: await this.everyPage(keyListSchema, { path: "/keys" }) };
  }

  rotateKey(algorithm: string | undefined): Promise<RotatedKey> {
    // Servers of older versions take no algorithm.
    const body = algorithm === undefined ? {} : { body: { algorithm } };
    return this.#call(rotatedKeySchema, { at: "api", method: "POST", path: "/keys/rotate", ...body });
  }

  retireKey(kid: string, body: unknown, waitSeconds: number): Promise<KeyRetirementAnswer> {
    const path = `/keys/${encodeURIComponent(kid)}/retire`;
    return this.#call(keyRetirementAnswerSchema, { at: "api", method: "POST", path, body, waitSeconds });
  }

  wouldRetireKey(kid: string, body: unknown): Promise<DryRun> {
    return this.#wouldEnd({
      at: "api",
      method: "POST",
      path: `/keys/${encodeURIComponent(kid)}/retire`,
      body,
    });
  }

  wouldDisable(things: "users" | "apps", name: string): Promise<DryRun> {
    return this.#wouldEnd({
      at: "api",
      method: "POST",
      path: `/${things}/${encodeURIComponent(name)}/disable`,
    });
  }

  changeUser(user: string, verb: StateVerb, { body, wait }: ChangeOptions): Promise<UserState> {
    const path = `/users/${encodeURIComponent(user)}/${verb}`;
    return this.#call(userStateSchema, { at: "api", method: "POST", path, body, waitSeconds: wait });
  }

  changeApp(clientId: string, verb: StateVerb, { body, wait }: ChangeOptions): Promise<AppState> {
    const path = `/apps/${encodeURIComponent(clientId)}/${verb}`;
    return this.#call(appStateSchema, { at: "api", method: "POST", path, body, waitSeconds: wait });
  }

  ban(user: string, { body, wait }: ChangeOptions): Promise<NewBan> {
    const path = `/users/${encodeURIComponent(user)}/bans`;
    return this.#call(newBanSchema, { at: "api", method: "POST", path, body, waitSeconds: wait });
  }

  /** All that the filters let through. */
  async bans(filters: NonNullable<Call["query"]>): Promise<BanList> {
    return { items: await this.everyPage(banListSchema, { path: "/bans", query: filters }) };
  }

  async consents(user: string): Promise<ConsentList> {
    const path = `/users/${encodeURIComponent(user)}/consents`;
    return { items: await this.everyPage(consentListSchema, { path }) };
  }

  withdrawConsent(user: string, clientId: string, waitSeconds: number): Promise<WithdrawnConsent> {
    const path = `/users/${encodeURIComponent(user)}/consents/${encodeURIComponent(clientId)}`;
    return this.#call(withdrawnConsentSchema, { at: "api", method: "DELETE", path, waitSeconds });
  }

  wouldWithdraw(user: string, clientId: string): Promise<DryRun> {
    const path = `/users/${encodeURIComponent(user)}/consents/${encodeURIComponent(clientId)}`;
    return this.#wouldEnd({ at: "api", method: "DELETE", path });
  }

  wouldBan(user: string, body: object): Promise<DryRun> {
    const path = `/users/${encodeURIComponent(user)}/bans`;
    return this.#wouldEnd({ at: "api", method: "POST", path, body });
  }

  liftBan(id: string): Promise<LiftedBan> {
    const path = `/bans/${encodeURIComponent(id)}`;
    return this.#call(liftedBanSchema, { at: "api", method: "DELETE", path });
  }

  /** A call of what is below `/api/v1`. */
  administer<Schema extends z.ZodType>(schema: Schema, call: ApiCall): Promise<z.output<Schema>> {
    return this.#call(schema, { at: "api", ...call });
  }

  /** All items of a list below `/api/v1`, however many pages that are. */
  async everyPage<Item>(
    schema: z.ZodType<Page<Item>>,
    { path, query }: { readonly path: string; readonly query?: NonNullable<ApiCall["query"]> },
  ): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const asked = { path, query: { ...query, limit: MAX_ITEMS_PER_PAGE, cursor } };
      const page = await this.administer(schema, asked);
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined);
    return items;
  }

  /** What the call would end at most. It changes nothing, and is refused as the call itself would be. */
  tryOut({ waitSeconds: _, ...call }: ApiCall): Promise<DryRun> {
    return this.#wouldEnd({ at: "api", ...call });
  }

  /** The keys that the issuer signs with. */
  async jwks(): Promise<JSONWebKeySet> {
    const { settings, sending } = this.#options;
    const jwksUri = this.issuer.jwksUri.href;
    const found = await sayingItHere(keySetOf({ ...askingOf(settings, sending), jwksUri }));
    const keys = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) }).safeParse(found);
    if (keys.success) return keys.data;
    throw cliError("unreadable_answer", {
      text: `${jwksUri} has something other than a key set. Check --issuer (or PORTCULLIS_ISSUER).`,
    });
  }

  feed(): Feed {
    return httpFeed({
      endpoint: this.issuer.revocationsEndpoint,
      authorization: this.#credentials.authorization,
      fetch: this.#options.sending.fetch,
    });
  }

  #wouldEnd(call: Call): Promise<DryRun> {
    return this.#call(dryRunSchema, { ...call, query: { dryRun: "true" } });
  }

  #urlOf({ at, path = "" }: Call): string {
    const base =
      at === "api"
        ? `${this.issuer.metadata.issuer.replace(/\/$/, "")}/api/v1`
        : this.issuer.revocationsEndpoint;
    return base + path;
  }

  async #call<Schema extends z.ZodType>(schema: Schema, call: Call): Promise<z.output<Schema>> {
    let answer = await this.#send(call, false);
    if (answer.status === 401) answer = await this.#send(call, true);
    if (answer.status < 200 || answer.status > 299) throw this.#failureOf(call, answer);
    const parsed = schema.safeParse(answer.body);
    if (parsed.success) return parsed.data;
    throw cliError("unreadable_answer", {
      text: `${this.#nameOf(call)} sent an answer that this version of the command cannot read. Use the version that belongs to the server.`,
      cause: parsed.error,
    });
  }

  async #send(call: Call, refresh: boolean): Promise<Answer> {
    const { sending } = this.#options;
    const url = new URL(this.#urlOf(call));
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = {
      accept: "application/json",
      authorization: await this.#credentials.authorization({ refresh }),
      ...contentTypeOf(call),
      ...(call.waitSeconds === undefined ? {} : { prefer: `wait=${call.waitSeconds}` }),
    };
    const content = call.text?.content ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    const body = content === undefined ? {} : { body: content };
    // What it was asked to wait comes on top of what the answer may take.
    const timeoutMs = sending.timeoutMs + (call.waitSeconds ?? 0) * 1000;
    return send(url, { method: call.method ?? "GET", headers, ...body }, { ...sending, timeoutMs });
  }

  #failureOf(call: Call, { status, body }: Answer) {
    const said = errorSchema.safeParse(body).data;
    const name = this.#nameOf(call);
    if (status === 403 && (said?.code ?? SCOPE_IS_LACKING) === SCOPE_IS_LACKING)
      return this.#credentials.lacksScopes();
    if (status === 401) {
      return cliError("not_accepted", {
        text: `${name} does not accept the token that the issuer has just given. Run the command again.`,
      });
    }
    const problems = said?.problems?.map(({ field, message }) => `${field}: ${message}`).join("\n");
    const text = problems || said?.error_description || said?.detail || `${name} answered ${status}.`;
    if (status === 404) return cliError("not_found", { text });
    if (status >= 500) return cliError("issuer_unreachable", { text: `${name} answered ${status}: ${text}` });
    return cliError("refused", { text });
  }

  #nameOf(call: Call): string {
    return `${call.method ?? "GET"} ${this.#urlOf(call)}`;
  }
}

function contentTypeOf({ body, text }: Call): { readonly "content-type"?: string } {
  if (text !== undefined) return { "content-type": text.mediaType };
  return body === undefined ? {} : { "content-type": "application/json" };
}
