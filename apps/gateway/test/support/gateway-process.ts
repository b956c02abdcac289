import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GatewayProcessOptions {
  /** A file descriptor that takes its lines; `errors` stays empty then. */
  readonly standardError?: number;
  /** Source text that is run before the gateway is: how a fault gets in. */
  readonly injected?: string;
  readonly parameters?: readonly string[];
  /** Of Node. Default: the one that makes our packages their sources. */
  readonly flags?: readonly string[];
}

/** The gateway as an operator starts it. */
export class GatewayProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** Standard output and standard error, so far. */
  output = "";
  errors = "";
  readonly #directory: string;

  constructor(yaml: string | undefined, options: GatewayProcessOptions = {}) {
    this.#directory = mkdtempSync(join(tmpdir(), "portcullis-gateway-process-"));
    const file = join(this.#directory, "gateway.yaml");
    if (yaml !== undefined) writeFileSync(file, yaml);
    const parameters = [...(yaml === undefined ? [] : ["--config", file]), ...(options.parameters ?? [])];
    const { flags = ["--conditions=@portcullis/source"] } = options;
    this.child = fork(MAIN, parameters, {
      stdio: ["ignore", "pipe", options.standardError ?? "pipe", "ipc"],
      execArgv: [...flags, ...importing(options.injected)],
    });
    this.child.stdout!.on("data", (chunk) => {
      this.output += chunk;
    });
    this.child.stderr?.on("data", (chunk) => {
      this.errors += chunk;
    });
    const { stderr } = this.child;
    // Node gives no "close" for a child whose channel was disconnected; the end of its errors is what it says last.
    const ends = [once(this.child, "exit"), ...(stderr === null ? [] : [once(stderr, "end")])];
    this.exited = Promise.all(ends).then(([exit]) => ({ code: exit![0], signal: exit![1] }));
  }

  /** The message that it listens; throws with its last words when it exits instead. */
  async ready(): Promise<{ url: string; management: string }> {
    const message = await Promise.race([once(this.child, "message"), this.exited]);
    if (!Array.isArray(message)) throw new Error(`the gateway exited: ${this.errors}`);
    return message[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.exited;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const importing = (source: string | undefined): string[] =>
  source === undefined ? [] : ["--import", `data:text/javascript,${encodeURIComponent(source)}`];

export interface ProcessSettings {
  readonly issuer: string;
  readonly upstream: string;
  readonly port?: number;
  readonly more?: string;
}

export const processYaml = ({ issuer, upstream, port = 0, more = "" }: ProcessSettings): string => `
issuer: ${issuer}
listen: { port: ${port} }
management: { port: 0 }
verifier: { clientId: gateway, clientSecret: a-verifiers-secret }
transactionToken: { issuer: "http://gateway.test", audience: services.test, keyFile: key.json }
${more}
routes:
  - { name: orders, path: /orders, upstream: "${upstream}", audience: "https://orders.example" }
  - { name: public, path: /public, upstream: "${upstream}", public: true }
`;
