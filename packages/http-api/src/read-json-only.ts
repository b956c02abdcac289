import { errorCodes, type FastifyInstance, type FastifyRequest } from "fastify";
import { MERGE_PATCH_TYPE } from "./merge-patch.ts";

const BODY_LIMIT_BYTES = 16 * 1024;

/** Its own parsers: what the rest of the server does with bodies must not change this API. `uploads`: media types that routes read by themselves. */
export function readJsonOnly(app: FastifyInstance, uploads: readonly string[]): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ["application/json", MERGE_PATCH_TYPE],
    { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES },
    app.getDefaultJsonParser("error", "error"),
  );
  if (uploads.length > 0)
    app.addContentTypeParser([...uploads], (_request, payload, done) => done(null, payload));
}

/**
 * Returns what refuses the media types of other routes of the mount, and other charsets than UTF-8 (RFC 8259, section 8.1): a body would
 * be read as something that it does not mean to be.
 * Types that no route takes are Fastify's to refuse.
 */
export const refuseOtherTypes =
  (taken: readonly string[], ofMount: readonly string[]) =>
  async ({ headers }: FastifyRequest): Promise<void> => {
    const type = headers["content-type"] ?? "";
    const name = type.split(";", 1)[0]!.trim().toLowerCase();
    const isOfAnother = ofMount.includes(name) && !taken.includes(name);
    if (isOfAnother || !isUtf8(type)) throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(type);
  };

/** Of every charset that is named: of two, nobody knows which is meant. */
const isUtf8 = (type: string): boolean =>
  [...type.matchAll(/;\s*charset\s*=\s*([^;]*)/gi)].every(([, charset]) => /^"?utf-?8"?\s*$/i.test(charset!));
