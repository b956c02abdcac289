import { readFile } from "node:fs/promises";
import {
  declaredRoutes,
  type MountOptions,
  OPENAPI_PATH,
  OPENAPI_PREFIX,
  openApiRoute,
  PROBLEM_DETAILS,
} from "@portcullis/http-api";
import type { FastifyInstance } from "fastify";
import { securityHeaders } from "../pages/security-headers.ts";
import { type ApiDescriptionOptions, apiDescription } from "./openapi.ts";
import type { Described } from "./reference/described.ts";
import { REFERENCE_STYLESHEET, referencePage } from "./reference/reference-page.ts";

export const REFERENCE_PATH = "/api/reference";

export type DescribeApiOptions = ApiDescriptionOptions & Omit<MountOptions, "form">;

/** The description of all that is declared: for tools at `/api/openapi.json`, for people at `/api/reference`. */
export function apiDescriptionRoutes(options: DescribeApiOptions) {
  const { authenticate, log } = options;
  return async (app: FastifyInstance): Promise<void> => {
    const description = apiDescription(options);
    const stylesheet = await readFile(new URL("reference/api-reference.css", import.meta.url));
    // A declaration that cannot be described stops the start, and not a reader.
    app.addHook("onReady", async () => void description());
    app.register(declaredRoutes([openApiRoute(description)], { authenticate, log, form: PROBLEM_DETAILS }), {
      prefix: OPENAPI_PREFIX,
    });
    app.get(REFERENCE_PATH, (_request, reply) =>
      reply
        .headers(securityHeaders())
        .type("text/html; charset=utf-8")
        .send(referencePage(asDescribed(description()), OPENAPI_PATH)),
    );
    app.get(REFERENCE_STYLESHEET, (_request, reply) =>
      reply
        .headers({ "cache-control": "public, max-age=3600", "x-content-type-options": "nosniff" })
        .type("text/css; charset=utf-8")
        .send(stylesheet),
    );
  };
}

/** What the library may leave out, our own documents have. */
const asDescribed = (document: ReturnType<ReturnType<typeof apiDescription>>) =>
  document as unknown as Described;
