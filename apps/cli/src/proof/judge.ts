/** From what was found to what is said of it. */
import type { VerifierStatus } from "@portcullis/protocol";
import { type Check, RESTORE, START_ANEW } from "./check.ts";
import type { LogProof } from "./log-proof.ts";

export function logCheck(proof: LogProof, head: number): Check {
  const check = "log" as const;
  const { firstSeq, lastSeq, gap } = proof;
  const missing = gap ?? (lastSeq < head ? `seq ${lastSeq + 1} to ${head} are missing` : undefined);
  if (missing !== undefined) return { check, ok: false, message: `has a gap: ${missing}`, advice: RESTORE };
  if (lastSeq < firstSeq) return { check, ok: true, message: `has no live records; ends at seq ${head}` };
  const count = (lastSeq - firstSeq + 1).toLocaleString("en");
  return { check, ok: true, message: `${count} records, seq ${firstSeq} to ${lastSeq}, without a gap` };
}

export function chainCheck(proof: LogProof, altered: number | undefined): Check {
  const check = "chain" as const;
  const { broken, chain, lastSeq } = proof;
  if (broken !== undefined) {
    const where =
      altered === undefined ? `between seq ${broken.after} and ${broken.to}` : `at seq ${altered}`;
    const message = `a record does not match the hash that is stored with it, ${where}: it was altered`;
    return { check, ok: false, message, advice: RESTORE };
  }
  if (chain === undefined) return { check, ok: null, message: "no earlier hash is known to compare with" };
  return { check, ok: true, message: `computed again from the records; it is ${chain} at seq ${lastSeq}` };
}

export function verifierCheck(proof: LogProof, verifier: VerifierStatus): Check {
  const wrong = differenceOf(proof, verifier);
  const about = { check: "verifier", subject: verifier.name } as const;
  if (wrong !== undefined) return { ...about, ok: false, ...wrong };
  return { ...about, ...agreementOf(proof, verifier) };
}

function differenceOf(
  proof: LogProof,
  verifier: VerifierStatus,
): Pick<Check, "message" | "advice"> | undefined {
  const { applied, chain, live } = verifier;
  const { lastSeq } = proof;
  if (applied > lastSeq) {
    const message = `has applied seq ${applied}, and the log ends at ${lastSeq}: the log was rolled back`;
    return { message, advice: RESTORE };
  }
  const found = proof.comparisonOf(verifier);
  if (chain !== undefined && found.chain !== undefined && chain !== found.chain) {
    return { message: `has another chain at seq ${applied}: it holds other records`, advice: START_ANEW };
  }
  if (live === undefined || found.sum === live.sum || !reaches(proof, verifier)) return undefined;
  const message = `its ${live.count} live records differ from those of the log up to seq ${applied}`;
  return { message, advice: START_ANEW };
}

function agreementOf(proof: LogProof, verifier: VerifierStatus): Pick<Check, "ok" | "message"> {
  const { applied, chain, live } = verifier;
  const found = proof.comparisonOf(verifier);
  const same: string[] = [];
  if (chain !== undefined && found.chain === chain) same.push("the same chain");
  // A digest is sent now and then: one of no records is of before there were any.
  if (live !== undefined && live.count > 0 && found.sum === live.sum)
    same.push(`the same ${live.count} live records`);
  if (same.length > 0) return { ok: true, message: `applied seq ${applied}: ${same.join(", ")}` };
  const why = reaches(proof, verifier)
    ? "reports nothing that can be compared"
    : "the log no longer keeps what it has applied";
  return { ok: null, message: `applied seq ${applied}: ${why}` };
}

const reaches = (proof: LogProof, verifier: VerifierStatus): boolean =>
  proof.comparisonOf(verifier).reached === true;
