/** Bare readers of the stream, which take what comes and do nothing with it. Answers `{ waitFor: head }`. */
import { request } from "node:http";
import { bearerOf, MAX_STREAMS_PER_CLIENT, VERIFIERS } from "./clients.ts";

const { issuer, count } = JSON.parse(process.argv[2]!) as { issuer: string; count: number };
/** Newest seq that each reader has seen. */
const seen = new Array<number>(count).fill(0);
let wake = (): void => {};

const bearers = await Promise.all(VERIFIERS.map((client) => bearerOf(issuer, client, "revocations.read")));
const cursor = await cursorNow();
await Promise.all(Array.from({ length: count }, (_, at) => open(at)));
process.on("disconnect", () => process.exit());
process.on("message", (question) => void answer(question as { waitFor: number }));
process.send!({ ready: true });

async function answer({ waitFor }: { waitFor: number }): Promise<void> {
  while (seen.some((seq) => seq < waitFor)) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  process.send!({ reached: waitFor });
}

async function cursorNow(): Promise<string> {
  const response = await fetch(`${issuer}/revocations/snapshot`, { headers: { authorization: bearers[0]! } });
  const bytes = Buffer.from(await response.arrayBuffer());
  const { incarnation, head } = JSON.parse(bytes.subarray(12, 12 + bytes.readUInt32BE(8)).toString());
  return `${incarnation}:${head}`;
}

function open(at: number): Promise<void> {
  const headers = {
    authorization: bearers[Math.floor(at / MAX_STREAMS_PER_CLIENT)]!,
    accept: "text/event-stream",
    "last-event-id": cursor,
  };
  return new Promise((resolve, reject) => {
    const call = request(`${issuer}/revocations/stream`, { headers, agent: false }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`the stream answered ${response.statusCode}`));
      response.setEncoding("latin1");
      response.on("data", (text: string) => note(at, text));
      resolve();
    });
    call.on("error", reject);
    call.end();
  });
}

/** Events are small and come whole: the id of the last one is enough. */
function note(at: number, text: string): void {
  const begin = text.lastIndexOf("id: ");
  if (begin < 0) return;
  const line = text.slice(begin, text.indexOf("\n", begin));
  seen[at] = Number(line.slice(line.lastIndexOf(":") + 1));
  wake();
}
