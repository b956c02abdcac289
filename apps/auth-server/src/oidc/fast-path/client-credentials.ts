/**
 * Client credentials (RFC 6749, section 4.4) of an app that shows a secret. The table below is the whole of it, in this order. A step that
 * returns false, or throws, leaves the request to the library, which goes through it from the beginning and says what is wrong with it: so a
 * step may be stricter than the library, and never laxer.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "@portcullis/protocol";
import type { Client } from "oidc-provider";
import type { Api, Apis } from "../../apis/apis.ts";
import type { SigningKey } from "../../keys/signing-key.ts";
import { newIdentifier, type RandomBytes } from "../../secrets/identifiers.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { claimsOf, IssuingPhase } from "../tokens/issuing-phase.ts";
import { accessTokenLifetime } from "../tokens/lifetimes.ts";
import { apiFor, defaultResource, resourceServerOf } from "../tokens/resources.ts";
import { createAccessTokenSigner, type SignAccessToken } from "./access-token-signer.ts";
import type { Form } from "./peek-form.ts";
import { shownSecret } from "./shown-secret.ts";

export interface FastPathSources {
  readonly issuer: string;
  readonly maxAccessTokenLifetimeSeconds: number;
  /** As the library reads it at this moment; undefined if there is none that is enabled. */
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
  readonly apis: Pick<Apis, "findEnabled">;
  readonly issuing: Pick<IssuingPhase, "check" | "finish">;
  /** Private: of each algorithm the one that signs comes first. */
  readonly signingKeys: readonly SigningKey[];
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

interface Sources extends FastPathSources {
  readonly sign: SignAccessToken;
}

/** One request on its way down the table. Each member is written by the step that is named at it. */
interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly form: Form;
  /** The head of the log as the request arrived: it was sampled before the first step. */
  readonly horizon: number | undefined;
  /** client_by_secret */
  client: Client;
  /** api_of_client */
  api: Api;
  /** Those that the app may have at the API. api_of_client */
  allowed: readonly string[];
  /** Seconds. api_of_client */
  lifetime: number;
  /** scope */
  scope: string | undefined;
  /** issuing_phase */
  claims: ReturnType<typeof claimsOf>;
  /** signature */
  token: string;
}

interface Step {
  readonly name: string;
  /** Whether the request goes on here. */
  run(asked: Asked, sources: Sources): boolean | Promise<boolean>;
}

export const CLIENT_CREDENTIALS_STEPS: readonly Step[] = [
  { name: "known_parameters", run: knowsAllParameters },
  { name: "client_by_secret", run: authenticateClient },
  { name: "grant_allowed", run: ({ client }) => client.grantTypeAllowed(GRANT_TYPE) },
  { name: "api_of_client", run: findApi },
  { name: "scope", run: settleScope },
  { name: "issuing_phase", run: passIssuingPhase },
  { name: "signature", run: signToken },
  { name: "signing_key_still_live", run: finishIssuing },
];

const GRANT_TYPE = "client_credentials";

export const isForClientCredentials = ({ grant_type }: Form): boolean => grant_type === GRANT_TYPE;

/** What is answered, with status 200. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly expires_in: number;
  readonly scope?: string;
  readonly token_type: "Bearer";
}

/** Undefined: the library decides. */
export type AnswerClientCredentials = (
  request: Pick<Asked, "headers" | "form" | "horizon">,
) => Promise<TokenAnswer | undefined>;

export function createClientCredentials(options: FastPathSources): AnswerClientCredentials {
  const sources = { ...options, sign: createAccessTokenSigner(options.signingKeys) };
  return async ({ headers, form, horizon }) => {
    const asked = { headers, form, horizon } as Asked;
    for (const { run } of CLIENT_CREDENTIALS_STEPS) {
      if (!(await run(asked, sources))) return undefined;
    }
    return answerOf(asked);
  };
}

const answerOf = ({ token, lifetime, scope }: Asked): TokenAnswer => ({
  access_token: token,
  expires_in: lifetime,
  ...(scope === undefined ? {} : { scope }),
  token_type: "Bearer",
});

const PARAMETERS: ReadonlySet<string> = new Set([
  "grant_type",
  "scope",
  "resource",
  "client_id",
  "client_secret",
]);

/** Others may mean something to the library, now or in its next version. */
function knowsAllParameters({ form }: Asked): boolean {
  return Object.keys(form).every((name) => PARAMETERS.has(name));
}

const SECRET_METHODS: readonly unknown[] = ["client_secret_basic", "client_secret_post"];

/** Found only while it is enabled, with the secrets that hold at this moment. */
async function authenticateClient(asked: Asked, { findClient }: Sources): Promise<boolean> {
  const shown = shownSecret(asked.headers, asked.form);
  const client = shown && (await findClient(shown.clientId));
  if (client === undefined || !SECRET_METHODS.includes(client.clientAuthMethod)) return false;
  asked.client = client;
  return client.compareClientSecret(shown!.secret);
}

async function findApi(asked: Asked, { apis, maxAccessTokenLifetimeSeconds }: Sources): Promise<boolean> {
  const { client, form } = asked;
  const resource = form.resource ?? defaultResource({ oidc: { params: form } }, client, undefined);
  if (typeof resource !== "string" || !isResourceIndicator(resource)) return false;
  asked.api = await apiFor(apis, resource, client);
  const { scope, accessTokenTTL } = resourceServerOf(asked.api, client, maxAccessTokenLifetimeSeconds);
  asked.allowed = scope.split(" ");
  asked.lifetime = accessTokenLifetime(client, accessTokenTTL!);
  return true;
}

/** RFC 8707, section 2. */
const isResourceIndicator = (text: string): boolean => URL.canParse(text) && !text.includes("#");

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/** Who asks for something and may have nothing of it is refused, which is not for here (grant-handlers.ts). */
function settleScope(asked: Asked): boolean {
  const { scope } = asked.form;
  if (scope === undefined) return true;
  if (!SCOPE.test(scope)) return false;
  const given = [...new Set(scope.split(" "))].filter((word) => asked.allowed.includes(word));
  asked.scope = given.join(" ");
  return given.length > 0;
}

/** Thrown when a step of the issuing phase does what it does for users alone. The library knows what follows from it. */
const beyondFastPath = (): never => {
  throw new Error("the fast path knows no user");
};

async function passIssuingPhase(asked: Asked, { issuing, sign }: Sources): Promise<boolean> {
  const { client, api, horizon } = asked;
  const nobody = { accountId: undefined, sessionUid: undefined, grantId: undefined };
  const facts = { ...nobody, withhold: beyondFastPath, timesHeld: beyondFastPath, endBy: beyondFastPath };
  const kid = sign.kidOf(api.algorithm);
  if (kid === undefined) return false;
  const issued = { ...facts, clientId: client.clientId, audience: api.identifier, kid };
  asked.claims = await issuing.check(issued, horizon);
  return true;
}

/** The members, and their order, are those of the library's tokens (RFC 9068, section 2.2). */
async function signToken(asked: Asked, { sign, issuer, clock, randomBytes }: Sources): Promise<boolean> {
  const { client, api, lifetime, scope, claims } = asked;
  const iat = wholeSeconds(clock);
  asked.token = await sign.sign(api.algorithm, {
    ...claims,
    jti: newIdentifier(randomBytes),
    sub: client.clientId,
    iat,
    exp: iat + lifetime,
    scope,
    client_id: client.clientId,
    iss: issuer,
    aud: api.identifier,
  });
  return true;
}

async function finishIssuing({ api }: Asked, { issuing, sign }: Sources): Promise<boolean> {
  await issuing.finish([sign.kidOf(api.algorithm)!]);
  return true;
}
