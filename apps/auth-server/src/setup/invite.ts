import type { Log } from "@portcullis/protocol";
import type { Invitations } from "../roles/invitations.ts";
import { setupPath } from "./routes.ts";

/** Shows a link to whoever reads the log of a server that has no administrator. Returns it; undefined when there is one. */
export async function invite({
  invitations,
  issuer,
  operatorLog,
}: {
  readonly invitations: Pick<Invitations, "make">;
  readonly issuer: string;
  readonly operatorLog: Log;
}): Promise<string | undefined> {
  const invitation = await invitations.make();
  if (invitation === undefined) return undefined;
  const link = `${issuer}${setupPath(invitation.token)}`;
  const expiresAt = new Date(invitation.expiresAt * 1000).toISOString();
  operatorLog.warn({ event: "no_administrator", link, expiresAt, text: OPEN_IT });
  return link;
}

const OPEN_IT =
  "there is no administrator. Open the link to make one. It works once; another start makes another link. Or set admin in the configuration";
