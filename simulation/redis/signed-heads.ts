import { createHash } from "node:crypto";
import type { SignedHeadClaims } from "@portcullis/protocol";

/** Which nobody but the server uses: stands for its signing key. */
const SECRET = "the key of the server";

type Head = Omit<SignedHeadClaims, "iss">;

const macOf = (said: string): string => createHash("sha256").update(`${SECRET} ${said}`).digest("base64url");

/** The issuer's word on a head, at once: a real signature takes as long as another thread takes. */
export function signedHead({ incarnation, epoch, seq, chain, snapshot = "", iat }: Head): string {
  const said = [incarnation, epoch, seq, chain, snapshot, iat].join(" ");
  return `${said} ${macOf(said)}`;
}

/** A mistake: whoever wrote it may have signed it. */
export async function believeHead(text: string): Promise<SignedHeadClaims> {
  const [incarnation = "", epoch, seq, chain = "", snapshot = "", iat] = text.split(" ");
  const times = { epoch: Number(epoch), seq: Number(seq), iat: Number(iat) };
  return { iss: "issuer", incarnation, chain, ...times, ...(snapshot !== "" && { snapshot }) };
}

export async function verifyHead(text: string): Promise<SignedHeadClaims> {
  const said = text.slice(0, text.lastIndexOf(" "));
  if (text !== `${said} ${macOf(said)}`) throw new Error("not signed by the issuer");
  return believeHead(text);
}
