/**
 * Requests that another site's form sends by POST: to sign in (OpenID Connect Core 1.0, section 3.1.2.1) and to sign out
 * (RP-Initiated Logout 1.0, section 2). A browser sends no session cookie along with such a form (`SameSite=Lax`), and whoever
 * answered it would take a user who is signed in for nobody, and put another session in the place of theirs. So each is led on to the same address
 * by GET, with the same parameters: that brings the cookie, is bounded as every GET is, and asks what a GET asks. Nothing is
 * read, stored or ended here.
 */
import type { FastifyInstance } from "fastify";
import { securityHeaders } from "../pages/security-headers.ts";
import { limitError } from "./errors.ts";

const FORM = "application/x-www-form-urlencoded";

export interface PostedRequests {
  readonly paths: readonly string[];
  /** How long the URL may be to which they lead. */
  readonly maxUrlLength: number;
}

export function leadPostsOn({ paths, maxUrlLength }: PostedRequests) {
  return async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(FORM, { parseAs: "string" }, (_request, body, done) => done(null, body));
    for (const path of paths)
      app.post(path, (request, reply) => {
        // Written anew, so that no byte of the body is taken for one of a header. A parameter that comes twice still does: the GET refuses it.
        const parameters = new URLSearchParams((request.body as string | undefined) ?? "").toString();
        if (path.length + parameters.length + 1 > maxUrlLength) throw limitError("request_too_large");
        return reply.headers(securityHeaders({ mayBePopup: true })).redirect(`?${parameters}`, 303);
      });
  };
}
