import { z } from "zod";
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from "zod-openapi";
import type { MountedRoute } from "./collect-routes.ts";
import { ANYBODY, type DeclaredAnswer, type DeclaredRoute } from "./declare-route.ts";
import { OAUTH_ERROR, PROBLEM_DETAILS } from "./error-forms.ts";
import { httpApiError } from "./errors.ts";
import { IDEMPOTENCY_KEY, REPLAYED } from "./idempotency.ts";
import { MERGE_PATCH_TYPE } from "./merge-patch.ts";
import type { MountedDeclaration } from "./mount-routes.ts";
import { responsesToErrors } from "./openapi-errors.ts";

export type OpenApiDocument = ReturnType<typeof createDocument>;

export interface DocumentOptions {
  readonly title: string;
  readonly version: string;
  /** For a reader who begins: where a token comes from, what all calls have in common. */
  readonly description: string;
  /** URL that all paths are below. */
  readonly server: string;
  /**
   * Where tokens come from: the endpoint itself, for clients that act for themselves; both endpoints, for those that act for a person;
   * or the metadata that names them (OpenID Connect Discovery).
   */
  readonly tokens:
    | { readonly endpoint: string; readonly authorization?: string }
    | { readonly metadata: string };
  /** What each scope allows. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Headings in their order, each with what stands below it. */
  readonly tags: Readonly<Record<string, string>>;
  /** Schemas that have a name of their own. */
  readonly schemas: Readonly<Record<string, z.ZodType>>;
  readonly routes: readonly MountedRoute[];
}

/** Returns the OpenAPI 3.1 document of all declared routes that are mounted. */
export function createOpenApiDocument(options: DocumentOptions): OpenApiDocument {
  const declared = declaredIn(options.routes);
  checkWords(declared, options);
  const { title, version, description, server, schemas } = options;
  const document: ZodOpenApiObject = {
    openapi: "3.1.0",
    info: { title, version, description },
    servers: [{ url: server }],
    tags: Object.entries(options.tags).map(([name, says]) => ({ name, description: says })),
    paths: pathsOf(declared),
    components: {
      schemas: { ...schemas, ProblemDetails: PROBLEM_DETAILS.schema, OAuthError: OAUTH_ERROR.schema },
      securitySchemes: { token: securityScheme(options) },
    },
  };
  return withPlainPatterns(createDocument(document, { outputIdSuffix: "Answer" }));
}

/** Of Unicode's categories. Most have no short form, and are left out: the server refuses these characters all the same. */
const AS_RANGES: Readonly<Record<string, string>> = {
  Cc: "\\x00-\\x1f\\x7f-\\x9f",
  Cf: "",
  Cs: "",
  Zl: "",
  Zp: "",
  Default_Ignorable_Code_Point: "",
};

/** Python and other readers of the document know no `\p{...}`, and refuse a document that has it. */
const withPlainPatterns = (document: OpenApiDocument): OpenApiDocument =>
  JSON.parse(JSON.stringify(document), (member, value) =>
    member === "pattern" && typeof value === "string" ? plainPattern(value) : value,
  );

/** Throws `route_not_declared` for what cannot be written plainly. Only what is refused may be left out (`[^...]`, `(?![...]`): the document is wider then. */
function plainPattern(pattern: string): string {
  const plain = pattern.replaceAll(/(?:\[\^|\(\?!\[)(?:[^\]\\]|\\.)*\]/g, (refused) =>
    refused.replaceAll(/\\p\{(\w+)\}/g, (category, name: string) => AS_RANGES[name] ?? category),
  );
  if (!/\\[pP]\{/.test(plain)) return plain;
  throw httpApiError("route_not_declared", {
    text: `the pattern ${pattern} has a category of Unicode that only ECMAScript knows; write it with ranges, or add it to AS_RANGES.`,
  });
}

interface Declared extends MountedDeclaration {
  readonly path: string;
}

const declaredIn = (routes: readonly MountedRoute[]): Declared[] =>
  routes.flatMap(({ path, declaration }) => (declaration === undefined ? [] : [{ ...declaration, path }]));

/** Scopes and tags that nobody has explained, and operations of one name: a reader could not tell what is meant. */
function checkWords(declared: readonly Declared[], { scopes, tags }: DocumentOptions): void {
  const routes = declared.map(({ route }) => route);
  const ids = routes.map(({ operationId }) => operationId);
  const problems = [
    ...routes.filter(({ tag }) => !Object.hasOwn(tags, tag)).map(({ tag }) => `tag ${tag} is not explained`),
    ...routes
      .filter(({ scope }) => scope !== ANYBODY && !Object.hasOwn(scopes, scope))
      .map(({ scope }) => `scope ${String(scope)} is not explained`),
    ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `two operations are called ${id}`),
  ];
  if (problems.length > 0) throw httpApiError("route_not_declared", { text: `${problems.join("; ")}.` });
}

const TOKEN_WORDS = "A JWT access token of the issuer, for this API as audience, in `Authorization: Bearer`.";

function securityScheme({ tokens, scopes }: DocumentOptions) {
  if ("metadata" in tokens) {
    const words = Object.entries(scopes).map(([scope, says]) => `- \`${scope}\`: ${says}`);
    const description = [TOKEN_WORDS, words.join("\n")].join("\n\n");
    return { type: "openIdConnect" as const, openIdConnectUrl: tokens.metadata, description };
  }
  const { endpoint: tokenUrl, authorization: authorizationUrl } = tokens;
  const flow = { tokenUrl, scopes: { ...scopes } };
  const flows =
    authorizationUrl === undefined
      ? { clientCredentials: flow }
      : { authorizationCode: { ...flow, authorizationUrl } };
  return { type: "oauth2" as const, description: TOKEN_WORDS, flows };
}

function pathsOf(declared: readonly Declared[]): ZodOpenApiPathsObject {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const one of declared) {
    paths[one.path] = { ...paths[one.path], [one.route.method.toLowerCase()]: operationOf(one) };
  }
  return paths;
}

function operationOf({ route, form }: Declared): ZodOpenApiOperationObject {
  const { operationId, tag, summary, description, scope, ends = false } = route;
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: scope === ANYBODY ? [] : [{ token: [scope] }],
    ...(ends && { "x-portcullis-ends": true }),
    ...requestOf(route),
    responses: { ...responsesTo(route), ...responsesToErrors(route, form) } as ZodOpenApiResponsesObject,
  };
}

function requestOf(route: DeclaredRoute): Partial<ZodOpenApiOperationObject> {
  const { parameters: { path, query } = {}, body, upload } = route;
  const header = headersOfRequest(route);
  const requestParams = { ...(path && { path }), ...(query && { query }), ...(header && { header }) };
  if (upload !== undefined) {
    const { mediaType, says, example } = upload;
    const content = { [mediaType]: { schema: { type: "string" as const }, example } };
    return { requestParams, requestBody: { required: true, description: says, content } };
  }
  if (body?.schema === undefined) return { requestParams };
  const { schema, example, mayBeAbsent = false, isMergePatch = false } = body;
  const types = isMergePatch ? [MERGE_PATCH_TYPE, JSON_TYPE] : [JSON_TYPE];
  const content = Object.fromEntries(types.map((type) => [type, { schema, example }]));
  return { requestParams, requestBody: { required: !mayBeAbsent, content } };
}

const JSON_TYPE = "application/json";

function headersOfRequest({
  parameters: { headers } = {},
  isRepeatable,
}: DeclaredRoute): z.ZodObject | undefined {
  return isRepeatable ? z.object({ ...headers?.shape, ...IDEMPOTENCY_KEY }) : headers;
}

const responsesTo = ({ answers, isRepeatable = false }: DeclaredRoute) =>
  Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [
      status,
      responseTo(answer, isRepeatable ? REPLAYED : {}),
    ]),
  );

function responseTo(answer: DeclaredAnswer, more: Readonly<Record<string, string>>) {
  const description = answer.says;
  if ("bytes" in answer) return { description, content: { [answer.bytes]: {} } };
  if ("stream" in answer) {
    const { stream, example } = answer;
    return { description, content: { [stream]: { schema: { type: "string" as const }, example } } };
  }
  const { schema, example } = answer;
  const headers = { ...answer.headers, ...more };
  return {
    description,
    content: { [JSON_TYPE]: { schema, example } },
    ...(Object.keys(headers).length > 0 && { headers: headersOf(headers) }),
  };
}

const headersOf = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { description, schema: { type: "string" as const } },
    ]),
  );
