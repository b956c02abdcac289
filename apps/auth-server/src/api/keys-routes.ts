import { callerOf, checkBody } from "@portcullis/feed-server";
import {
  API_SCOPES,
  type KeyList,
  type KeyRetirementAnswer,
  keyRetirementRequestSchema,
  type RotatedKey,
} from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { KeyRing } from "../keys/key-ring.ts";
import type { Receipts, Revoker } from "../revocations/index.ts";
import type { ApiRoutes } from "./mount-api.ts";
import { receiptOf, statusOf } from "./send-receipt.ts";

export interface KeysRoutesOptions {
  readonly ring: Pick<KeyRing, "list" | "rotate" | "signingNow">;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
}

/** Signing keys: docs/reference/api.md. */
export function keysRoutes(options: KeysRoutesOptions): (routes: ApiRoutes) => void {
  return ({ app, needs }) => {
    app.get("/keys", needs(API_SCOPES.readKeys), async (_request, reply) =>
      notStored(reply).send({ items: await options.ring.list() } satisfies KeyList),
    );
    app.post("/keys/rotate", needs(API_SCOPES.writeKeys), (request, reply) =>
      rotate(options, request, reply),
    );
    app.post("/keys/:kid/retire", needs(API_SCOPES.writeKeys), (request, reply) =>
      retire(options, request, reply),
    );
  };
}

const notStored = (reply: FastifyReply): FastifyReply => reply.header("cache-control", "no-store");

async function rotate({ ring }: KeysRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  checkBody(z.strictObject({}), request.body ?? {});
  const rotated: RotatedKey = await ring.rotate(callerOf(request).clientId);
  return notStored(reply).send(rotated);
}

async function retire(options: KeysRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const { note, reason } = checkBody(keyRetirementRequestSchema, request.body ?? {});
  const { seq, key, known, repeated } = await options.revoker.revoke({
    scope: "key",
    key: (request.params as { kid: string }).kid,
    mode: "kill",
    reason,
    actor: callerOf(request).clientId,
    ...(note === undefined ? {} : { note }),
  });
  const receipt = await receiptOf(options.receipts, seq, { request, reply });
  const signing = await options.ring.signingNow();
  const answer: KeyRetirementAnswer = {
    ...receipt,
    key,
    known,
    ...(repeated ? { repeated } : {}),
    signing,
  };
  return notStored(reply).code(statusOf(receipt)).send(answer);
}
