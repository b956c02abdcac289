/** An app that listens for the end of its session: a reading of server-sent events, and nothing of the client's. */
import { type IncomingMessage, request } from "node:http";
import type { SessionEnded } from "@portcullis/protocol";

export interface Listening {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** What the stream says at its end; undefined when it ends, or is cut, without a word. */
  readonly ended: Promise<SessionEnded | undefined>;
  /** Of a refusal. */
  readonly body: Promise<string>;
  close(): void;
}

export interface Asking {
  readonly at: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Resolves when the stream is open, or refused. */
export function listen({ at, token, headers = {} }: Asking): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = request(`${at}/session/events`, { headers: { ...authorization, ...headers }, agent: false });
    sent.on("response", (response) => {
      const body = textOf(response);
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        ended: body.then(endedIn),
        body,
        close: () => sent.destroy(),
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
  } catch {
    // Cut: the end of the stream, as for any client.
  }
  return text;
}

function endedIn(text: string): SessionEnded | undefined {
  const [, data] = /^event: session-ended\ndata: (.*)\n\n/m.exec(text) ?? [];
  return data === undefined ? undefined : (JSON.parse(data) as SessionEnded);
}
