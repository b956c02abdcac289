/** What is started: the names are those of the line of JSON (`pids`, `commands`). */
export type Part = "authServer" | "gateway" | "service" | "webApp";

export interface PartDefinition {
  readonly part: Part;
  /** For people. */
  readonly title: string;
  readonly program: string;
  readonly configFile: string;
}

/** In the order of starting: what others ask at their start comes first. */
export const PARTS: readonly PartDefinition[] = [
  {
    part: "authServer",
    title: "authorization server",
    program: "apps/auth-server/src/main.ts",
    configFile: "auth-server.json",
  },
  { part: "gateway", title: "gateway", program: "apps/gateway/src/main.ts", configFile: "gateway.yaml" },
  {
    part: "service",
    title: "orders service",
    program: "examples/orders-service/src/main.ts",
    configFile: "orders-service.json",
  },
  { part: "webApp", title: "web app", program: "examples/web-app/src/main.ts", configFile: "web-app.json" },
];
