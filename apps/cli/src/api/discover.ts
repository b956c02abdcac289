import type { DiscoveryExtension } from "@portcullis/protocol";
import { z } from "zod";
import { cliError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { type Sending, send } from "./send.ts";

const metadataSchema = z.object({
  issuer: z.string(),
  token_endpoint: z.url(),
  jwks_uri: z.url(),
  portcullis_revocations_endpoint: z.url(),
  portcullis_api_resource: z.string().min(1),
} satisfies Record<keyof DiscoveryExtension, z.ZodType> & Record<string, z.ZodType>);
export type IssuerMetadata = z.infer<typeof metadataSchema>;

const ENDPOINTS = ["token_endpoint", "jwks_uri", "portcullis_revocations_endpoint"] as const;

/** Discovery (RFC 8414), with the members that are ours. */
export async function discover({ issuer, issuerText }: Settings, sending: Sending): Promise<IssuerMetadata> {
  const url = new URL(issuer);
  url.pathname = `${issuer.pathname.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const { status, body } = await send(url, { headers: { accept: "application/json" } }, sending);
  const metadata = metadataSchema.safeParse(body);
  if (status !== 200 || !metadata.success) {
    throw cliError("unreadable_answer", {
      text: `${url} answered ${status} and no metadata of a Portcullis authorization server. Is --issuer right?`,
    });
  }
  checkIssuer(metadata.data, { issuer, issuerText });
  return metadata.data;
}

/** One issuer must not send us, with the client's secret, to another, nor down to plain HTTP (RFC 8414, 3.3). */
function checkIssuer(
  metadata: IssuerMetadata,
  { issuer, issuerText }: Pick<Settings, "issuer" | "issuerText">,
) {
  if (metadata.issuer !== issuerText) {
    throw cliError("unreadable_answer", {
      text: `--issuer: found ${issuerText}, and the metadata there is of ${metadata.issuer}. Give exactly that.`,
    });
  }
  for (const name of ENDPOINTS) {
    const { origin, protocol } = new URL(metadata[name]);
    if (origin === issuer.origin || protocol === "https:") continue;
    throw cliError("unreadable_answer", {
      text: `The issuer's ${name} is on ${origin}, neither its own origin nor https.`,
    });
  }
}
