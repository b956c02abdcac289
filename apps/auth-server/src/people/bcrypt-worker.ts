/** A thread of its own for bcrypt: it takes up to seconds of a core, and Node has none of its own that works beside the process. */
import { parentPort } from "node:worker_threads";
import { compareSync } from "bcryptjs";

export interface Question {
  readonly id: number;
  readonly password: string;
  readonly stored: string;
}

export interface Answer {
  readonly id: number;
  readonly isSame: boolean;
}

parentPort!.on("message", ({ id, password, stored }: Question) => {
  const answer: Answer = { id, isSame: compareSync(password, stored) };
  parentPort!.postMessage(answer);
});
