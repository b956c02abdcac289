/** A thread of a verifier that only reads. */
import { parentPort, workerData } from "node:worker_threads";
import { attachToReplica, type ReaderInit } from "@portcullis/revocation/threads";
import { ACKNOWLEDGED, type Answers, GO, type Hammered, type Question, STANDING } from "./questions.ts";
import { sessionToken } from "./tokens.ts";

const { init, signals } = workerData as { init: ReaderInit; signals: Int32Array };
const view = attachToReplica(init);

const verdictOf = ({ claims, header }: ReturnType<typeof sessionToken>) =>
  view.verdict(view.coordinatesOf(claims, header));

const answers: { [Type in Question["type"]]: (question: never) => Answers[Type] | Promise<Answers[Type]> } = {
  ready: () => view.whenReady().then(() => true as const),
  verdicts: ({ tokens }: Extract<Question, { type: "verdicts" }>) => tokens.map(verdictOf),
  freshness: () => ({ ...view.freshness(), leaseMs: view.leaseMs }),
  "verdicts-when-told": ({ tokens }: Extract<Question, { type: "verdicts-when-told" }>) => {
    Atomics.add(signals, STANDING, 1);
    Atomics.notify(signals, STANDING);
    Atomics.wait(signals, GO, 0);
    return tokens.map(verdictOf);
  },
  hammer,
  close: () => {
    view.close();
    return true;
  },
};

function hammer({ never }: Extract<Question, { type: "hammer" }>): Hammered {
  const found = { asked: 0, missed: 0, invented: 0 };
  Atomics.add(signals, STANDING, 1);
  Atomics.notify(signals, STANDING);
  while (Atomics.load(signals, GO) === 0) {
    const acknowledged = Atomics.load(signals, ACKNOWLEDGED);
    const any = 1 + Math.floor(Math.random() * acknowledged);
    for (const value of acknowledged === 0 ? [] : [acknowledged, any]) {
      found.asked++;
      if (verdictOf(sessionToken(value)).outcome !== "killed") found.missed++;
    }
    const unknown = never + Math.floor(Math.random() * never);
    if (verdictOf(sessionToken(unknown)).outcome !== "allow") found.invented++;
  }
  return found;
}

parentPort!.on("message", async ({ id, question }: { id: number; question: Question }) => {
  const answer = await answers[question.type](question as never);
  parentPort!.postMessage({ id, answer });
});
