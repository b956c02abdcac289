/** `GET .../openapi.json`: the description of an API as one of its own calls. */
import { z } from "zod";
import { ANYBODY, type DeclaredRoute, declareRoute } from "./declare-route.ts";
import { createOpenApiDocument, type DocumentOptions, type OpenApiDocument } from "./openapi-document.ts";

/** Where it is, on every server of ours that has one. */
export const OPENAPI_PATH = "/api/openapi.json";
export const OPENAPI_PREFIX = "/api";

/** The heading of the route, for the `tags` of its document. */
export const DESCRIPTION_TAG = { Description: "This description itself." } as const;

/** Returns what gives the document. It is made when it is first asked for: routes that are mounted later would be missing. */
export function describedOnce(options: () => DocumentOptions): () => OpenApiDocument {
  let document: OpenApiDocument | undefined;
  return () => (document ??= createOpenApiDocument(options()));
}

const openApiSchema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({}),
  paths: z.looseObject({}),
});
/** The library's own type has no index, so that it is none of these. */
type Json = z.output<typeof openApiSchema>;

/** Returns the route, to be mounted at `OPENAPI_PREFIX`, or with another path elsewhere. It is public: it says nothing that the documentation of this version does not say. */
export const openApiRoute = (
  description: () => OpenApiDocument,
  path: string = OPENAPI_PATH.slice(OPENAPI_PREFIX.length),
): DeclaredRoute =>
  declareRoute({
    operationId: "getOpenApi",
    method: "GET",
    path,
    tag: "Description",
    summary: "Get the OpenAPI 3.1 document of all calls",
    scope: ANYBODY,
    answers: {
      200: {
        says: "The document.",
        schema: openApiSchema,
        example: { openapi: "3.1.0", info: { title: "Portcullis", version: "1" }, paths: {} },
      },
    },
    errors: [],
    handle: async () => ({ status: 200, body: description() as unknown as Json }),
  });
