/** A candidate as a process of its own, and the load that it is measured under. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { APP, type CandidateName, CLIENT, RESOURCE, SCOPE } from "./candidates.ts";

export const CONNECTIONS = 8;
export const TOKENS_PER_WINDOW = 1000;
const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

export const GRANTS = ["client credentials", "refresh"] as const;
export type Grant = (typeof GRANTS)[number];

export interface TokenServerOptions {
  readonly name: CandidateName;
  readonly dataDirectory: string;
  /** The checkout whose code it runs; default: this one. */
  readonly tree?: string;
}

export class TokenServer {
  readonly name: CandidateName;
  readonly #process: ChildProcess;
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  /** The newest of each grant: a connection refreshes its own. */
  readonly #refreshTokens: string[] = [];

  static async start({ name, dataDirectory, tree = REPOSITORY }: TokenServerOptions): Promise<TokenServer> {
    const child = fork(join(tree, "bench/token-endpoint/candidates.ts"), [name, dataDirectory], {
      execArgv: ["--conditions=@portcullis/source"],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const started = once(child, "message");
    const [{ url }] = (await Promise.race([started, failed(child, name)])) as [{ url: string }];
    return new TokenServer(name, child, url);
  }

  private constructor(name: CandidateName, child: ChildProcess, url: string) {
    this.name = name;
    this.#process = child;
    this.#url = url;
  }

  /** CPU microseconds a token, over a window of 1,000. */
  async window(grant: Grant = "client credentials"): Promise<number> {
    if (grant === "refresh") await this.#signIn();
    const before = await this.#cpu();
    let left = TOKENS_PER_WINDOW;
    const ask = async (_: unknown, connection: number) => {
      while (left-- > 0) await (grant === "refresh" ? this.#refresh(connection) : this.#askForToken());
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, ask));
    const microseconds = (await this.#cpu()) - before;
    // The server closes what is idle for long, and on a busy machine the other windows take that long.
    this.#agent.destroy();
    return microseconds / TOKENS_PER_WINDOW;
  }

  stop(): void {
    this.#agent.destroy();
    this.#process.disconnect();
  }

  async #cpu(): Promise<number> {
    this.#process.send("cpu");
    const [{ cpu }] = (await once(this.#process, "message")) as [{ cpu: NodeJS.CpuUsage }];
    return cpu.user + cpu.system;
  }

  /** Once, and outside of what is counted. */
  async #signIn(): Promise<void> {
    while (this.#refreshTokens.length < CONNECTIONS) {
      this.#process.send("refresh token");
      const [{ refreshToken }] = (await once(this.#process, "message")) as [{ refreshToken: string }];
      this.#refreshTokens.push(refreshToken);
    }
  }

  async #askForToken(): Promise<void> {
    const form = { grant_type: "client_credentials", resource: RESOURCE, scope: SCOPE };
    await this.#post(form, `${CLIENT.id}:${CLIENT.secret}`);
  }

  async #refresh(connection: number): Promise<void> {
    const refresh_token = this.#refreshTokens[connection]!;
    const answer = await this.#post({ grant_type: "refresh_token", client_id: APP.id, refresh_token });
    this.#refreshTokens[connection] = answer.refresh_token!;
  }

  async #post(form: Record<string, string>, auth?: string): Promise<{ readonly refresh_token?: string }> {
    const sent = request(`${this.#url}/token`, {
      agent: this.#agent,
      method: "POST",
      ...(auth === undefined ? {} : { auth }),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    sent.end(String(new URLSearchParams(form)));
    const [response] = await once(sent, "response");
    const answer = (await json(response)) as { access_token?: string; refresh_token?: string };
    if (response.statusCode !== 200 || answer.access_token?.split(".").length !== 3) {
      throw new Error(`no access token: ${response.statusCode}`);
    }
    return answer;
  }
}

async function failed(child: ChildProcess, name: string): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`${name} did not start: it exited with ${code}`);
}
