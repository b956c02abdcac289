import { checkInput, ProblemsError } from "@portcullis/http-api";
import { type LossDeclaration, lossDeclarationSchema } from "@portcullis/protocol";

/** A row is written for each seq up to there: a slip of the finger must not fill the disk. */
const FARTHEST_BEYOND = 1_000_000;

export function checkLossDeclaration(body: unknown, head: number): LossDeclaration {
  const declared = checkInput(lossDeclarationSchema, body);
  const most = head + FARTHEST_BEYOND;
  if ((declared.beyond ?? 0) <= most) return declared;
  throw new ProblemsError([
    { field: "beyond", message: `Must be at most ${most}: a million past the head, which is ${head}.` },
  ]);
}
