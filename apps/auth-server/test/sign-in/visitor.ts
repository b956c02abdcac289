import type { Socket } from "node:net";
import { formsOf, PlainBrowser } from "@portcullis/testing/end-to-end";
import { ALICE, type ServerOptions, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

/** Behind a proxy that says where each request came from. */
export const startBehindProxy = (options: ServerOptions = {}): Promise<ServerUnderTest> =>
  startServer({
    ...options,
    change: (document) =>
      Object.assign(document, {
        trustedProxies: { addresses: ["127.0.0.1"], header: "x-forwarded-for" },
        limits: { signInAttemptsPerMinute: 1_000_000 },
      }),
  });

export interface Tried {
  readonly status: number;
  readonly retryAfterSeconds: number;
  readonly body: string;
}

/** Somebody with a browser at an address, at the sign-in form. */
export class Visitor {
  readonly #server: ServerUnderTest;
  readonly #browser: PlainBrowser;
  readonly #cookie: string;
  #form: string;
  address: string;

  static async arrive(server: ServerUnderTest, address: string): Promise<Visitor> {
    const browser = new PlainBrowser();
    const page = await browser.open(`${server.issuer}/account`);
    const cookie = page.headers["set-cookie"]!.map((text) => text.split(";")[0]).join("; ");
    return new Visitor({ server, browser, form: formsOf(page.body)[0]!.fields.form!, cookie, address });
  }

  private constructor(parts: {
    server: ServerUnderTest;
    browser: PlainBrowser;
    form: string;
    cookie: string;
    address: string;
  }) {
    this.#server = parts.server;
    this.#browser = parts.browser;
    this.#form = parts.form;
    this.#cookie = parts.cookie;
    this.address = parts.address;
  }

  /** Sends the form that was shown last. */
  async try(credentials: Partial<typeof ALICE> = {}): Promise<Tried> {
    await this.#browser.request(`${this.#server.issuer}/account/sign-in`, {
      method: "POST",
      body: new URLSearchParams({ form: this.#form, ...ALICE, ...credentials }),
      headers: { origin: this.#server.issuer, "x-forwarded-for": this.address },
    });
    // Every answer leads to the account page, which says what came out.
    const { status, headers, body } = await this.#browser.request(`${this.#server.issuer}/account`);
    // Each page that is shown again has a form of its own.
    this.#form = formsOf(body)[0]?.fields.form ?? this.#form;
    return { status, body, retryAfterSeconds: Number(headers["retry-after"] ?? 0) };
  }

  /** A wrong guess over a connection that can be reset. */
  guessOver(socket: Socket, username: string): void {
    const body = new URLSearchParams({ form: this.#form, username, password: "wrong" }).toString();
    const lines = [
      "POST /account/sign-in HTTP/1.1",
      "Host: x",
      `Origin: ${this.#server.issuer}`,
      `X-Forwarded-For: ${this.address}`,
      `Cookie: ${this.#cookie}`,
      "Content-Type: application/x-www-form-urlencoded",
      `Content-Length: ${body.length}`,
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  }

  guess(username = ALICE.username): Promise<Tried> {
    return this.try({ username, password: "wrong password" });
  }
}

export const SIGNED_IN = 200;
export const REFUSED = 422;
export const WAIT = 429;
