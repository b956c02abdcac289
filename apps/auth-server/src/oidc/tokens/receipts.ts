/** What a revocation through a standard endpoint says beside its standard answer: the receipt, in a header. */
import { grantWait } from "@portcullis/http-api";
import { formatReceiptHeader, RECEIPT_HEADER, type Receipt } from "@portcullis/protocol";
import type { KoaContextWithOIDC, Provider } from "oidc-provider";
import type { Receipts } from "../../revocations/index.ts";
import { requestState } from "../request-state.ts";

/** Leads the receipt of a logout to the page that follows it. It is no secret, but nobody else's business. */
export const RECEIPT_COOKIE = "_receipt";
const RECEIPT_COOKIE_MS = 60_000;

export function addReceipts(provider: Provider, receipts: Receipts): void {
  provider.use(async (ctx, next) => {
    await next();
    const seq = requestState(ctx).revocationSeq;
    // An error stays an error: a receipt would say that the request was done.
    if (seq === undefined || ctx.status >= 400) return;
    const receipt = await receipts.wait(seq, grantWait(ctx.get("prefer")).milliseconds);
    ctx.set(RECEIPT_HEADER, formatReceiptHeader(receipt));
    ctx.append("Access-Control-Expose-Headers", RECEIPT_HEADER);
  });
}

export function rememberReceipt(
  cookies: KoaContextWithOIDC["cookies"],
  { laggards: _names, waitingFor: _verifiers, ...receipt }: Receipt,
  { secure, path }: { readonly secure: boolean; readonly path: string },
): void {
  // Without names: hundreds of them would make the header longer than browsers and proxies take.
  const value = Buffer.from(JSON.stringify(receipt)).toString("base64url");
  cookies.set(RECEIPT_COOKIE, value, {
    signed: true,
    httpOnly: true,
    sameSite: "lax",
    secure,
    path,
    maxAge: RECEIPT_COOKIE_MS,
  });
}

export function rememberedReceipt(ctx: KoaContextWithOIDC): Receipt | undefined {
  const value = ctx.cookies.get(RECEIPT_COOKIE, { signed: true });
  if (value === undefined) return undefined;
  return JSON.parse(Buffer.from(value, "base64url").toString("utf8")) as Receipt;
}
