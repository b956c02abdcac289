import type { LogPage, VerifierList } from "@portcullis/protocol";
import type { RevocationsApi } from "../api/revocations-api.ts";
import type { Check } from "./check.ts";
import { checkSignature } from "./check-signature.ts";
import { firstAltered } from "./first-altered.ts";
import { chainCheck, logCheck, verifierCheck } from "./judge.ts";
import { LogProof } from "./log-proof.ts";

const RECORDS_PER_PAGE = 10_000;

export interface Proven {
  readonly incarnation: string;
  readonly head: number;
  readonly checks: readonly Check[];
}

export type OnProgress = (read: number, of: number) => void;

/** Reads all that is kept, after asking verifiers what they hold: it is theirs to be behind, not the log's. */
export async function proveLog(api: RevocationsApi, onProgress: OnProgress): Promise<Proven> {
  const list = await api.verifiers();
  const { proof, last } = await readAll(api, list, onProgress);
  const { broken } = proof;
  const altered =
    broken === undefined ? undefined : await firstAltered(broken, (after) => api.batches(after, 1));
  const signature = { issuer: api.issuer.metadata.issuer, jwks: await api.jwks() };
  const checks = [
    logCheck(proof, list.head),
    chainCheck(proof, altered),
    await checkSignature(last, signature),
    ...list.verifiers.map((verifier) => verifierCheck(proof, verifier)),
  ];
  return { incarnation: last.incarnation, head: proof.lastSeq, checks };
}

async function readAll(api: RevocationsApi, list: VerifierList, onProgress: OnProgress) {
  let proof = new LogProof(list.verifiers);
  let last: LogPage | undefined;
  while (last === undefined || (last.to < list.head && last.to > last.after)) {
    const page: LogPage = await api.batches(last?.to ?? 0, RECORDS_PER_PAGE);
    if (!proof.continues(page)) proof = new LogProof(list.verifiers);
    proof.take(page);
    last = page;
    onProgress(page.to, list.head);
  }
  return { proof, last };
}
