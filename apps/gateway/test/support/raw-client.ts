import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Throws when the body is no JSON. */
  json(): { error: string; error_description: string; [member: string]: unknown };
}

const TIMEOUT_MS = 60_000;

/** A client that sends exactly the bytes it is given, which no HTTP library would. */
export class RawClient {
  readonly socket: Socket;
  #received = "";
  #isClosed = false;
  #changed = Promise.withResolvers<void>();

  /** `from`: another address of this machine, as another client would have. */
  static async connect(origin: string, from?: string): Promise<RawClient> {
    const { hostname, port } = new URL(origin);
    const local = from === undefined ? {} : { localAddress: from };
    const socket = connect({ host: hostname, port: Number(port), noDelay: true, ...local });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("nothing came for too long")));
    socket.on("data", (chunk: string) => {
      this.#received += chunk;
      this.#changed.resolve();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#isClosed = true;
      this.#changed.resolve();
    });
  }

  get received(): string {
    return this.#received;
  }

  send(bytes: string): void {
    this.socket.write(bytes, "latin1");
  }

  /** The next response on this connection, whole. Rejects when the connection ends before. */
  async response(): Promise<RawResponse> {
    for (;;) {
      const parsed = parseResponse(this.#received, this.#isClosed);
      if (parsed !== undefined) {
        this.#received = this.#received.slice(parsed.length);
        return parsed.response;
      }
      if (this.#isClosed) throw new Error(`the connection ended after ${JSON.stringify(this.#received)}`);
      await this.#change();
    }
  }

  /** Resolves when this text has arrived. */
  async contains(text: string): Promise<void> {
    while (!this.#received.includes(text)) {
      if (this.#isClosed) throw new Error(`the connection ended before ${JSON.stringify(text)}`);
      await this.#change();
    }
  }

  #change(): Promise<void> {
    this.#changed = Promise.withResolvers();
    return this.#changed.promise;
  }

  /** Resolves when the other side has ended the connection. */
  async closed(): Promise<void> {
    // Not by `once`, which takes a reset for a failure of its own.
    if (!this.#isClosed) await new Promise((resolve) => this.socket.once("close", resolve));
  }

  close(): void {
    this.socket.destroy();
  }
}

function parseResponse(
  text: string,
  isClosed: boolean,
): { response: RawResponse; length: number } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine, ...lines] = text.slice(0, headEnd).split("\r\n");
  const headers = Object.fromEntries(lines.map(splitLine));
  const status = Number(statusLine!.split(" ")[1]);
  const rest = text.slice(headEnd + 4);
  const body =
    status < 200 || status === 204 || status === 304
      ? { text: "", length: 0 }
      : readBody(rest, headers, isClosed);
  if (body === undefined) return undefined;
  const response = { status, headers, body: body.text, json: () => JSON.parse(body.text) };
  return { response, length: headEnd + 4 + body.length };
}

function splitLine(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function readBody(
  rest: string,
  headers: Record<string, string>,
  isClosed: boolean,
): { text: string; length: number } | undefined {
  if (headers["transfer-encoding"] === "chunked") return readChunks(rest);
  const declared = headers["content-length"];
  if (declared === undefined) return isClosed ? { text: rest, length: rest.length } : undefined;
  const length = Number(declared);
  return rest.length < length ? undefined : { text: rest.slice(0, length), length };
}

function readChunks(rest: string): { text: string; length: number } | undefined {
  let text = "";
  let at = 0;
  for (;;) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(rest.slice(at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (rest.length < next) return undefined;
    text += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    at = next;
    if (size === 0) return { text, length: at };
  }
}
