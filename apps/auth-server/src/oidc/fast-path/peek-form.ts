/**
 * Reads a form that is written plainly, and leaves it where it is: whoever reads the request after this finds the whole body in it. Nobody
 * else could read it again, so that looking at it would be deciding.
 */
import type { IncomingMessage } from "node:http";
import { parse } from "node:querystring";

export type Form = Readonly<Record<string, string>>;

/** Longer ones are rare, and none of the requests that are known here is as long. */
const MAX_PLAIN_FORM_BYTES = 4096;
const PLAIN_TYPE = /^application\/x-www-form-urlencoded(?:; ?charset=utf-8)?$/i;

/** Returns undefined for a body of another kind, of unknown length, too long, or with a parameter that is empty or comes twice. */
export async function peekForm(request: IncomingMessage): Promise<Form | undefined> {
  const length = plainLengthOf(request);
  const body = length === undefined ? undefined : await peek(request, length);
  return body === undefined ? undefined : plainFormIn(body);
}

function plainLengthOf({ headers }: IncomingMessage): number | undefined {
  if (headers["transfer-encoding"] !== undefined || headers["content-encoding"] !== undefined)
    return undefined;
  if (!PLAIN_TYPE.test(headers["content-type"] ?? "")) return undefined;
  const length = Number(headers["content-length"]);
  return length > 0 && length <= MAX_PLAIN_FORM_BYTES ? length : undefined;
}

/** Returns undefined if the client goes away before it has sent all. */
async function peek(request: IncomingMessage, length: number): Promise<string | undefined> {
  while (request.readableLength < length) {
    if (request.destroyed || !(await hasMore(request))) return undefined;
  }
  const body = request.read(length) as Buffer;
  // In the same turn: the stream says that it has ended in the next.
  request.unshift(body);
  return body.toString();
}

function hasMore(request: IncomingMessage): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isMore: boolean) => {
      request.off("readable", onReadable);
      request.off("close", onClose);
      resolve(isMore);
    };
    const onReadable = () => settle(true);
    const onClose = () => settle(false);
    request.on("readable", onReadable);
    request.on("close", onClose);
  });
}

/** As the library parses it. */
function plainFormIn(body: string): Form | undefined {
  const form = parse(body);
  const isPlain = Object.values(form).every((value) => typeof value === "string" && value !== "");
  return isPlain ? (form as Form) : undefined;
}
