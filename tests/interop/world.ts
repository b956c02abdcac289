/** The stack that `npm start` runs, with an app for each trial, and the programs of the trials beside it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, extname, join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import {
  exchange,
  reconfigureIssuer,
  type ServerProcess,
  type Stack,
  type StackInfo,
  startProcess,
  startSecondGateway,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";
import { freePortBlock } from "@portcullis/testing/ports";
import { APIS, ORDERS, type PageTrial, type ServiceTrial, type Trial, type WebTrial } from "./trials.ts";

export const INTEROP = join(dirname(fileURLToPath(import.meta.url)), "../../interop");

/** A virtual environment of what `requirements.txt` names. */
export const PYTHON = join(INTEROP, ".python");

/** The longest time that a program may take to answer: one in Java needs seconds of a whole processor. */
const START_MS = 60_000;

type AppTrial = WebTrial | PageTrial;
type AnyTrial = AppTrial | ServiceTrial;
const isPage = (trial: AnyTrial): trial is PageTrial => "page" in trial;
const isApp = (trial: AnyTrial): trial is AppTrial => !("isService" in trial);

export interface TrialApp {
  readonly clientId: string;
  readonly secret: string;
  readonly baseUrl: string;
}

export interface World {
  readonly stack: Stack;
  appOf(trial: Trial): TrialApp;
  /** Starts the program of a trial, and resolves when it answers. */
  start(trial: AnyTrial): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorld(trials: readonly AnyTrial[]): Promise<World> {
  const firstPort = await freePortBlock(trials.length);
  const apps = new Map(trials.map((trial, at) => [trial.name, appAt(trial, firstPort + at)]));
  const stack = await startStack();
  const world = new RunningWorld(stack, apps);
  try {
    await reconfigureIssuer(stack, (configuration) => {
      const { clients, resources } = configuration;
      // Logout tokens go to programs of this machine.
      configuration.outgoing = {
        privateTargets: [...apps.values()].map(({ baseUrl }) => new URL(baseUrl).host),
      };
      resources.push(...APIS);
      clients.push(callerOf(stack.info));
      for (const trial of trials) clients.push(...registrationsOf(trial, apps.get(trial.name)!));
    });
    if (trials.some(isPage)) await world.openGatewayToPages();
  } catch (error) {
    await world.stop();
    throw error;
  }
  return world;
}

const appAt = (trial: AnyTrial, port: number): TrialApp => {
  const name = parse(isPage(trial) ? trial.page : trial.program).name;
  return {
    clientId: `${name}-app`,
    secret: `a secret of ${name} that is long enough`,
    baseUrl: `http://127.0.0.1:${port}`,
  };
};

/** As what a trial is known to the issuer; nothing if it asks the issuer for its keys alone. */
function registrationsOf(trial: AnyTrial, app: TrialApp) {
  if (isApp(trial)) return [registrationOf(trial, app)];
  if (trial.introspects === undefined) return [];
  const resources = { [trial.audience]: ["orders.read"] };
  const { clientId, secret: clientSecret } = app;
  return [{ clientId, name: trial.name, clientSecret, grantTypes: ["client_credentials"], resources }];
}

function registrationOf(trial: AppTrial, { clientId, secret, baseUrl }: TrialApp) {
  return {
    clientId,
    name: trial.name,
    redirectUris: [isPage(trial) ? `${baseUrl}/` : baseUrl + trial.callbackPath],
    postLogoutRedirectUris: [`${baseUrl}/`, baseUrl],
    grantTypes: ["authorization_code", "refresh_token"],
    resources: { [ORDERS]: ["orders.read"] },
    ...trial.ours,
    ...(!isPage(trial) && trial.logoutPath !== undefined
      ? { backchannelLogoutUri: baseUrl + trial.logoutPath }
      : {}),
    ...(isPage(trial) ? trial.forTheTrial : authenticationOf(trial, { secret, baseUrl })),
  };
}

const authenticationOf = ({ keysPath }: WebTrial, { secret, baseUrl }: Omit<TrialApp, "clientId">) =>
  keysPath === undefined ? { clientSecret: secret } : { jwksUri: baseUrl + keysPath };

/** Of the resource servers: an app that may ask for tokens for all of them. */
export const CALLER = "caller-of-services";

const callerOf = ({ clients: { web } }: StackInfo) => ({
  clientId: CALLER,
  name: "Caller of services",
  redirectUris: web.redirectUris,
  grantTypes: ["authorization_code"],
  resources: Object.fromEntries(
    [ORDERS, ...APIS.map(({ identifier }) => identifier)].map((api) => [api, ["orders.read"]]),
  ),
});

class RunningWorld implements World {
  readonly stack: Stack;
  readonly #apps: ReadonlyMap<string, TrialApp>;
  readonly #programs: ServerProcess[] = [];
  #gateway: string;

  constructor(stack: Stack, apps: ReadonlyMap<string, TrialApp>) {
    this.stack = stack;
    this.#apps = apps;
    this.#gateway = stack.info.gateway;
  }

  /** Pages of other origins may call a gateway only if its operator has named them. */
  async openGatewayToPages(): Promise<void> {
    const origins = [...this.#apps.values()].map(({ baseUrl }) => baseUrl);
    const gateway = await startSecondGateway(this.stack, ({ cors }) => void cors.origins.push(...origins));
    this.#programs.push(gateway.server);
    await until(() => gateway.isReady(), { what: "the gateway for pages to be ready" });
    this.#gateway = gateway.url;
  }

  appOf({ name }: Trial): TrialApp {
    return this.#apps.get(name)!;
  }

  async start(trial: AnyTrial): Promise<void> {
    const { issuer, routes } = this.stack.info;
    const { clientId, secret, baseUrl } = this.appOf(trial);
    const program = startProcess(commandOf(trial), {
      cwd: INTEROP,
      env: {
        ...process.env,
        ISSUER: issuer,
        CLIENT_ID: clientId,
        BASE_URL: baseUrl,
        ORDERS_URL: this.#gateway + routes.orders,
        ...(isPage(trial) ? { PAGE: trial.page } : { CLIENT_SECRET: secret }),
        ...(isApp(trial) ? {} : { AUDIENCE: trial.audience }),
      },
    });
    this.#programs.push(program);
    const died = program.exited.then(({ code, signal }) => {
      throw new Error(`${trial.name} ended (${code ?? signal}):\n${program.errors()}`);
    });
    died.catch(() => undefined);
    const isUp = until(() => answers(baseUrl), { what: `${trial.name} to answer`, withinMs: START_MS });
    await Promise.race([isUp, died]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    await this.stack.stop();
  }
}

function commandOf({ program }: Trial): readonly string[] {
  const file = join(INTEROP, program);
  switch (extname(program)) {
    case ".py":
      return [join(PYTHON, "bin", "python"), file];
    case ".rb":
      return ["/usr/bin/ruby", file];
    case ".jar":
      return ["java", "-jar", file];
    case ".mjs":
      return [process.execPath, file];
    default:
      return [file];
  }
}

const answers = (url: string): Promise<boolean> =>
  exchange(url).then(
    () => true,
    () => false,
  );

/** Of an installed library. */
export function versionOf({ from }: Trial): string {
  switch (from.registry) {
    case "npm": {
      const text = readNamed(`node_modules/${from.package}/package.json`);
      return (JSON.parse(text) as { version: string }).version;
    }
    case "python":
      return pinned("requirements.txt", `${from.package}==`);
    case "go":
      return pinned("go/go.mod", `${from.package} v`);
    case "maven":
      return pinned("java/pom.xml", `<artifactId>${from.package}</artifactId>\n    <version>`);
    case "debian":
      return execFileSync("dpkg-query", ["-W", `-f=\${Version}`, from.package], { encoding: "utf8" });
  }
}

/** What stands after a text in a file of pinned versions. */
function pinned(file: string, before: string): string {
  const [, after] = readNamed(file).split(before);
  return after!.match(/^[\w.+-]+/)![0];
}

const readNamed = (file: string): string => readFileSync(join(INTEROP, file), "utf8");
