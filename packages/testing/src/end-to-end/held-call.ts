import { request } from "node:http";
import { text } from "node:stream/consumers";
import { bearer, challengeOf, type Exchange } from "./exchange.ts";

/** A request that has been let in, and whose body its client keeps back. */
export interface HeldCall {
  readonly way: string;
  /** What became of the request; undefined for a connection that was cut. */
  readonly ended: Promise<Ended | undefined>;
  sendBody(): void;
}

interface Ended extends Pick<Exchange, "status" | "body"> {
  readonly reason: string | undefined;
}

const BODY = JSON.stringify({ item: "tea", quantity: 1 });

/** Resolves when the server asks for the body: it has read the head by then, and a gateway has let the caller in. */
export async function holdCall(way: string, url: string, token: string): Promise<HeldCall> {
  const outgoing = request(url, {
    method: "POST",
    agent: false,
    signal: AbortSignal.timeout(60_000),
    headers: {
      ...bearer(token),
      "content-type": "application/json",
      "content-length": String(BODY.length),
      expect: "100-continue",
    },
  });
  const ended = endOf(outgoing);
  const asked = new Promise<void>((resolve) => outgoing.once("continue", resolve));
  outgoing.flushHeaders();
  const refused = ended.then((answer) => {
    throw new Error(`${way} did not ask for the body: ${answer?.status} ${answer?.body}`);
  });
  await Promise.race([asked, refused]);
  refused.catch(() => {});
  return { way, ended, sendBody: () => outgoing.end(BODY) };
}

const endOf = (outgoing: ReturnType<typeof request>): Promise<Ended | undefined> =>
  new Promise((resolve) => {
    outgoing.on("error", () => resolve(undefined));
    outgoing.on("response", (incoming) => {
      const { statusCode, headers } = incoming;
      const reason = challengeOf({ headers })?.reason;
      const whole = (body: string) => resolve({ status: statusCode!, reason, body });
      text(incoming).then(whole, () => resolve(undefined));
    });
  });
