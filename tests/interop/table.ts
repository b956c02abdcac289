/** Returns docs/reference/interop.md: what a whole run has shown. */
import type { Trial } from "./trials.ts";

export interface Outcome {
  readonly trial: Trial & { readonly noRefresh?: string };
  readonly version: string;
  readonly passed: readonly string[];
  readonly failure: unknown;
}

export function tableOf(outcomes: readonly Outcome[]): string {
  return `# Clients that we did not write

Written by \`npm run interop\`, which runs each client as it comes from its registry, with a small app around it as its own documentation has it
(\`interop/\`): it signs a user in, calls an API through the gateway, refreshes, and signs out. Then the access token that it had a moment ago
must be refused by the gateway and by a service with our guard, with the reason \`logged_out\`. Pages run in Chromium. A resource server that
verifies tokens by itself sees no revocation: put it behind the gateway, or let it introspect, as one below does. \`npm test\` runs those that need Node alone.

| client | version | passed | in Portcullis | its own settings |
|---|---|---|---|---|
${outcomes.map(rowOf).join("\n")}

"Its own settings" leaves out issuer, client and scope, which every client needs, and what allows an issuer without TLS.
[Other clients](../guides/other-clients.md) says what the settings of the app are for.
`;
}

function rowOf({ trial, version, passed, failure }: Outcome): string {
  const steps = [...passed, ...(failure === undefined ? [] : ["**then it failed**"])];
  const refresh = trial.noRefresh === undefined ? "" : `; no refresh: ${trial.noRefresh}`;
  const ours = Object.entries(trial.ours).map(
    ([name, value]) => `\`${name}: ${JSON.stringify(value).replaceAll('"', "")}\``,
  );
  const cells = [trial.name, version, steps.join(", ") + refresh, listed(ours), listed(trial.theirs)];
  return `| ${cells.join(" | ")} |`;
}

const listed = (settings: readonly string[]): string =>
  settings.length === 0 ? "nothing more" : settings.join(", ");
