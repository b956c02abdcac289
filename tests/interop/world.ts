/** The stack that `npm start` runs, with an app for each trial, and the programs of the trials beside it. */
import { readFileSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import {
  exchange,
  reconfigureIssuer,
  type ServerProcess,
  type Stack,
  startProcess,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";
import { freePortBlock } from "@portcullis/testing/ports";
import { ORDERS, type Trial, type WebTrial } from "./trials.ts";

export const INTEROP = join(dirname(fileURLToPath(import.meta.url)), "../../interop");

export interface TrialApp {
  readonly clientId: string;
  readonly secret: string;
  readonly baseUrl: string;
}

export interface World {
  readonly stack: Stack;
  appOf(trial: Trial): TrialApp;
  /** Starts the program of a trial, and resolves when it answers. */
  start(trial: Trial): Promise<ServerProcess>;
  stop(): Promise<void>;
}

export async function startWorld(trials: readonly WebTrial[]): Promise<World> {
  const firstPort = await freePortBlock(trials.length);
  const apps = new Map(trials.map((trial, at) => [trial.name, appAt(trial, firstPort + at)]));
  const stack = await startStack();
  try {
    await reconfigureIssuer(stack, ({ clients }) => {
      for (const trial of trials) clients.push(registrationOf(trial, apps.get(trial.name)!));
    });
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return new RunningWorld(stack, apps);
}

const appAt = ({ program }: Trial, port: number): TrialApp => ({
  clientId: `${parse(program).name}-app`,
  secret: `a secret of ${program} that is long enough`,
  baseUrl: `http://127.0.0.1:${port}`,
});

const registrationOf = ({ name, callbackPath, ours }: WebTrial, { clientId, secret, baseUrl }: TrialApp) => ({
  clientId,
  name,
  clientSecret: secret,
  redirectUris: [baseUrl + callbackPath],
  postLogoutRedirectUris: [`${baseUrl}/`, baseUrl],
  grantTypes: ["authorization_code", "refresh_token"],
  resources: { [ORDERS]: ["orders.read"] },
  ...ours,
});

class RunningWorld implements World {
  readonly stack: Stack;
  readonly #apps: ReadonlyMap<string, TrialApp>;
  readonly #programs: ServerProcess[] = [];

  constructor(stack: Stack, apps: ReadonlyMap<string, TrialApp>) {
    this.stack = stack;
    this.#apps = apps;
  }

  appOf({ name }: Trial): TrialApp {
    return this.#apps.get(name)!;
  }

  async start(trial: Trial): Promise<ServerProcess> {
    const { info } = this.stack;
    const { clientId, secret, baseUrl } = this.appOf(trial);
    const program = startProcess([process.execPath, join(INTEROP, trial.program)], {
      cwd: INTEROP,
      env: {
        ...process.env,
        ISSUER: info.issuer,
        CLIENT_ID: clientId,
        CLIENT_SECRET: secret,
        BASE_URL: baseUrl,
        ORDERS_URL: info.gateway + info.routes.orders,
      },
    });
    this.#programs.push(program);
    const died = program.exited.then(({ code, signal }) => {
      throw new Error(`${trial.name} ended (${code ?? signal}):\n${program.errors()}`);
    });
    died.catch(() => undefined);
    await Promise.race([until(() => answers(baseUrl), { what: `${trial.name} to answer` }), died]);
    return program;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    await this.stack.stop();
  }
}

const answers = (url: string): Promise<boolean> =>
  exchange(url).then(
    () => true,
    () => false,
  );

/** Of an installed library. */
export function versionOf({ npmPackage }: Trial): string {
  const text = readFileSync(join(INTEROP, "node_modules", npmPackage, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
