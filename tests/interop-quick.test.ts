import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { installClients } from "./interop/install.ts";
import {
  OTHER_SERVICE_TRIALS,
  OTHER_WEB_TRIALS,
  PAGE_TRIALS,
  SERVICE_TRIALS,
  WEB_TRIALS,
} from "./interop/trials.ts";
import { tryService } from "./interop/try-service.ts";
import { tryWebApp } from "./interop/try-web-app.ts";
import { startWorld, versionOf, type World } from "./interop/world.ts";

/** Why there are no clients here: a machine without a registry still runs the rest, and is told what it has not tried. */
const missing = ((): string | undefined => {
  try {
    installClients();
    return undefined;
  } catch (error) {
    return `not tried: ${(error as Error).message}`;
  }
})();

let world: World | undefined;
before(async () => {
  if (missing !== undefined) return;
  world = await startWorld([...WEB_TRIALS, ...SERVICE_TRIALS]);
});
after(() => world?.stop());

describe("an app that we did not write", { skip: missing ?? false }, () => {
  for (const trial of WEB_TRIALS) {
    it(`signs in, calls, ${trial.noRefresh === undefined ? "refreshes, " : ""}signs out and is refused at once: ${trial.name}`, () =>
      tryWebApp(world!, trial));
  }
});

describe("a resource server that we did not write", { skip: missing ?? false }, () => {
  for (const trial of SERVICE_TRIALS) {
    it(`takes our access tokens, and refuses those for another API: ${trial.name}`, () =>
      tryService(world!, trial));
  }
});

describe("the table of the last whole run", { skip: missing ?? false }, () => {
  it("has every client in the version that is installed, and none that failed", () => {
    const table = readFileSync(new URL("../docs/reference/interop.md", import.meta.url), "utf8");
    for (const trial of [...WEB_TRIALS, ...SERVICE_TRIALS, ...PAGE_TRIALS])
      assert.ok(table.includes(`| ${trial.name} | ${versionOf(trial)} |`), trial.name);
    for (const { name } of [...OTHER_WEB_TRIALS, ...OTHER_SERVICE_TRIALS])
      assert.ok(table.includes(`| ${name} |`), name);
    assert.doesNotMatch(table, /failed/);
  });
});
