import { errorCodes, type FastifyInstance, type FastifyRequest } from "fastify";
import { MERGE_PATCH_TYPE } from "./merge-patch.ts";

const BODY_LIMIT_BYTES = 16 * 1024;

/** Its own parser: what the rest of the server does with bodies must not change this API. */
export function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ["application/json", MERGE_PATCH_TYPE],
    { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES },
    app.getDefaultJsonParser("error", "error"),
  );
}

/** Refuses the media type of patches where a body is none: it would be read as something that it does not mean to be. */
export async function refuseMergePatch({ headers }: FastifyRequest): Promise<void> {
  const type = headers["content-type"] ?? "";
  if (type.split(";", 1)[0]!.trim().toLowerCase() === MERGE_PATCH_TYPE)
    throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(type);
}
