/** What an app is told of why its session ended: the same as at a refresh (oidc/tokens/tell-why.ts). */
import type { Reason, ReplacedBy, SessionEnded } from "@portcullis/protocol";
import type { Client } from "oidc-provider";
import { FIRST_PARTY } from "../apps/app-settings.ts";
import type { Bans } from "../bans/bans.ts";
import { isWhole, timeOf } from "../bans/standing-bans.ts";
import type { AppInSession } from "../oidc/index.ts";
import { replacementOfGrant, toldReplacement } from "../sessions/session-limit.ts";
import type { Storage } from "../storage/storage.ts";

export interface EndingSources {
  readonly storage: Pick<Storage, "read">;
  readonly bans: Pick<Bans, "standing">;
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
}

export type DescribeEnding = (app: AppInSession, reason: Reason | undefined) => Promise<SessionEnded>;

/** Returns what reads SQL after the ending was committed: what is told stands there by then. */
export function describeEndings(sources: EndingSources): DescribeEnding {
  return async (app, reason) => {
    if (reason === undefined) return {};
    if (reason === "replaced") return { reason, ...(await replacedByOf(sources, app)) };
    if (reason === "banned") return { reason, ...(await banOf(sources, app)) };
    return { reason };
  };
}

async function replacedByOf(
  { storage, findClient }: EndingSources,
  { sid, gid, clientId }: AppInSession,
): Promise<{ readonly replacedBy?: ReplacedBy }> {
  const by = await replacementOfGrant(storage.read, { sid, gid });
  if (by === undefined) return {};
  const client = await findClient(clientId);
  return { replacedBy: toldReplacement(by, client?.[FIRST_PARTY] === true) };
}

async function banOf(
  { bans }: EndingSources,
  { accountId }: AppInSession,
): Promise<Pick<SessionEnded, "message" | "until">> {
  const ban = (await bans.standing(accountId)).find(isWhole);
  return {
    ...(ban?.message === undefined ? {} : { message: ban.message }),
    ...(ban?.until === undefined ? {} : { until: timeOf(ban.until) }),
  };
}
