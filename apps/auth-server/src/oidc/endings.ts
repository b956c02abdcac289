/** What ends through the library's own ways, each with its line in the log, in one transaction. */
import type { Reason } from "@portcullis/protocol";
import { type KoaContextWithOIDC, Provider } from "oidc-provider";
import type { Storage } from "../storage/storage.ts";
import { lineageIn } from "./lineage.ts";

export interface Endings {
  endSession(session: { uid: string; accountId?: string | undefined }): Promise<void>;
  endGrant(grantId: string, cause?: Reason): Promise<void>;
}

export function createEndings(options: { storage: Storage; nowSeconds: () => number }): Endings {
  const { storage, nowSeconds } = options;
  return {
    async endSession({ uid, accountId }) {
      const appended = await storage.write(async (transaction) => {
        await lineageIn(transaction, nowSeconds).endSession(uid);
        // Nobody signed in: there never was a token.
        if (accountId === undefined) return undefined;
        return transaction.append([
          { scope: "session", mode: "kill", reason: "logged_out", key: uid, actor: accountId },
        ]);
      });
      noteSeq(appended?.seq);
    },
    async endGrant(grantId, cause) {
      const ctx = Provider.ctx;
      // The library ends the grants of a logout one by one and the session last: the session's ending covers
      // them all, in one transaction. If it fails, nothing has ended, and the answer is an error.
      if (ctx !== undefined && isLogoutOfAll(ctx)) return;
      const reason = cause ?? reasonOf(ctx);
      const appended = await storage.write(async (transaction) => {
        const isEnding = await lineageIn(transaction, nowSeconds).endGrant(grantId);
        return isEnding
          ? transaction.append([{ scope: "grant", mode: "kill", reason, key: grantId }])
          : undefined;
      });
      noteSeq(appended?.seq);
    },
  };
}

function noteSeq(seq: number | undefined): void {
  const ctx = Provider.ctx;
  if (ctx !== undefined && seq !== undefined) ctx.state.revocationSeq = seq;
}

function isLogoutOfAll({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.route === "end_session_confirm" && Boolean((oidc.params as { logout?: string }).logout);
}

/** Why the library ends a grant: it does not say, but each way has its own endpoint. */
function reasonOf(ctx: KoaContextWithOIDC | undefined): Reason {
  switch (ctx?.oidc.route) {
    case "token":
      return (ctx.oidc.params as { grant_type?: string }).grant_type === "refresh_token"
        ? "refresh_reuse"
        : "code_replay";
    case "end_session_confirm":
      return "logged_out";
    default:
      return "revoked";
  }
}
