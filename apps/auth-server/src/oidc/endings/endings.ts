/** What ends through the library's own ways, each with its line in the log, in one transaction. */
import type { Clock, Reason } from "@portcullis/protocol";
import { type KoaContextWithOIDC, Provider } from "oidc-provider";
import type { Storage } from "../../storage/storage.ts";
import { requestState } from "../request-state.ts";
import { lineageIn } from "./lineage.ts";

export interface Endings {
  /** Each gives its place in the log; nothing when there was nothing left to end. */
  endSession(session: { uid: string; accountId?: string | undefined }): Promise<number | undefined>;
  endGrant(grantId: string, cause?: Reason): Promise<number | undefined>;
}

export function createEndings(options: { storage: Storage; clock: Clock }): Endings {
  const { storage, clock } = options;
  return {
    async endSession({ uid, accountId }) {
      const appended = await storage.write(async (transaction) => {
        const isEnding = await lineageIn(transaction, clock).endSession(uid);
        // Nobody signed in: there never was a token. Or it has ended before, with its own line: by a double click.
        if (!isEnding || accountId === undefined) return undefined;
        return transaction.append([
          { scope: "session", mode: "kill", reason: "logged_out", key: uid, actor: accountId },
        ]);
      });
      noteRevocation(Provider.ctx, appended?.seq);
      return appended?.seq;
    },
    async endGrant(grantId, cause) {
      const reason = cause ?? reasonOf(Provider.ctx);
      const appended = await storage.write(async (transaction) => {
        const isEnding = await lineageIn(transaction, clock).endGrant(grantId);
        return isEnding
          ? transaction.append([{ scope: "grant", mode: "kill", reason, key: grantId }])
          : undefined;
      });
      noteRevocation(Provider.ctx, appended?.seq);
      return appended?.seq;
    },
  };
}

/** For the receipt of the request, if one is under way. */
export function noteRevocation(ctx: KoaContextWithOIDC | undefined, seq: number | undefined): void {
  if (ctx !== undefined && seq !== undefined) requestState(ctx).revocationSeq = seq;
}

/** Why the library ends a grant: it does not say, but each way has its own endpoint. */
function reasonOf(ctx: KoaContextWithOIDC | undefined): Reason {
  switch (ctx?.oidc.route) {
    case "token":
      return (ctx.oidc.params as { grant_type?: string }).grant_type === "refresh_token"
        ? "refresh_reuse"
        : "code_replay";
    default:
      return "revoked";
  }
}
