/** Where the browser comes back to: a listener on this machine alone, for one sign-in (RFC 8252, section 7.3). */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const PATH = "/callback";

export interface Loopback {
  readonly redirectUri: string;
  /** Resolves with the first address for which `isAnswer` holds, and with how to show the person a last page. Others are told that they are not meant. */
  answer(isAnswer: (url: URL) => boolean): Promise<Answered>;
  close(): void;
}

export interface Answered {
  readonly url: URL;
  show(page: LastPage): void;
}

export interface LastPage {
  readonly title: string;
  readonly text: string;
}

export async function openLoopback(): Promise<Loopback> {
  const server = createServer({ keepAlive: false });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  let last: ServerResponse | undefined;
  return {
    redirectUri: origin + PATH,
    answer: (isAnswer) =>
      new Promise((resolve) => {
        server.on("request", (request, response) => {
          const url = new URL(request.url ?? "/", origin);
          if (url.pathname !== PATH || request.method !== "GET") return send(response, 404, NOTHING_HERE);
          if (!isAnswer(url)) return send(response, 400, ANOTHER_SIGN_IN);
          if (last !== undefined) return send(response, 400, ANSWERED_ALREADY);
          last = response;
          return resolve({ url, show: (page) => send(response, 200, page) });
        });
      }),
    close() {
      server.close();
      // Whoever connects and says nothing, or half of it, would keep the command from ending. The last page goes out before.
      if (last?.writableEnded && !last.writableFinished)
        last.once("close", () => server.closeAllConnections());
      else server.closeAllConnections();
    },
  };
}

const NOTHING_HERE = {
  title: "Nothing here",
  text: "The command portcullis waits for a sign-in, at another address.",
};
const ANOTHER_SIGN_IN = {
  title: "Not this sign-in",
  text: "This answer is not for the sign-in that the command portcullis waits for. Open the address that it prints.",
};
const ANSWERED_ALREADY = {
  title: "This page was opened before",
  text: "The command portcullis has its answer already: the terminal says what became of it.",
};

function send(response: ServerResponse, status: number, { title, text }: LastPage): void {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    connection: "close",
  });
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${escaped(title)}</title><h1>${escaped(title)}</h1><p>${escaped(text)}</p></html>\n`,
  );
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
