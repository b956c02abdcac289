import { readFile } from "node:fs/promises";
import {
  declaredRoutes,
  type MountOptions,
  type OpenApiDocument,
  openApiRoute,
  PROBLEM_DETAILS,
} from "@portcullis/http-api";
import type { FastifyInstance } from "fastify";
import { securityHeaders } from "../pages/security-headers.ts";
import type { Described } from "./reference/described.ts";
import { REFERENCE_STYLESHEET, referencePage } from "./reference/reference-page.ts";

export interface DescribeApiOptions extends Omit<MountOptions, "form"> {
  readonly description: () => OpenApiDocument;
  /** Paths of the two; what is unknown or malformed below `mount` is answered as by an API. */
  readonly at: { readonly mount: string; readonly document: string; readonly reference: string };
}

/** One description, for tools and for people. */
export function apiDescriptionRoutes({ description, at, authenticate, log }: DescribeApiOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    // A declaration that cannot be described stops the start, and not a reader.
    app.addHook("onReady", async () => void description());
    const route = openApiRoute(description, at.document.slice(at.mount.length));
    app.register(declaredRoutes([route], { authenticate, log, form: PROBLEM_DETAILS }), {
      prefix: at.mount,
    });
    app.get(at.reference, (_request, reply) =>
      reply
        .headers(securityHeaders())
        .type("text/html; charset=utf-8")
        .send(referencePage(asDescribed(description()), at.document)),
    );
  };
}

/** What the pages of all descriptions look like. */
export const referenceStylesheet = async (app: FastifyInstance): Promise<void> => {
  const stylesheet = await readFile(new URL("reference/api-reference.css", import.meta.url));
  app.get(REFERENCE_STYLESHEET, (_request, reply) =>
    reply
      .headers({ "cache-control": "public, max-age=3600", "x-content-type-options": "nosniff" })
      .type("text/css; charset=utf-8")
      .send(stylesheet),
  );
};

/** What the library may leave out, our own documents have. */
const asDescribed = (document: OpenApiDocument) => document as unknown as Described;
