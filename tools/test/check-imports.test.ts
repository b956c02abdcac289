import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyRows } from "../check-floors.ts";
import { checkImports } from "../check-imports.ts";
import { repository } from "../workspace.ts";
import { treeOf } from "./tree-of.ts";

const COMPLAINTS: Record<string, { files: Record<string, string>; complaint: RegExp }> = {
  "a package that may not be imported": {
    files: { "packages/access-token/src/a.ts": 'import { x } from "@portcullis/revocation";' },
    complaint: /access-token\/src\/a\.ts: imports @portcullis\/revocation; .* may import only protocol/,
  },
  "the same, over several lines, as a type, by a subpath": {
    files: {
      "packages/access-token/src/a.ts": 'import type {\n  X,\n  Y,\n} from "@portcullis/revocation/tables";',
    },
    complaint: /imports @portcullis\/revocation\/tables/,
  },
  "the same, exported on": {
    files: { "packages/protocol/src/a.ts": 'export * from "@portcullis/guard";' },
    complaint: /packages\/protocol may import only nothing/,
  },
  "the same, when it is called for": {
    files: { "apps/gateway/src/errors.ts": 'const x = await import("@portcullis/access-token");' },
    complaint: /gateway\/src\/errors\.ts: imports @portcullis\/access-token/,
  },
  "a relative path that leaves its workspace": {
    files: { "apps/gateway/src/errors.ts": 'import "../../auth-server/src/b.ts";' },
    complaint: /reaches out of its workspace with \.\.\/\.\.\/auth-server/,
  },
  "a Node module in what runs in browsers": {
    files: { "packages/client/src/a.ts": 'import { readFileSync } from "node:fs";' },
    complaint: /imports node:fs, but packages\/client runs in browsers too/,
  },
  "a transport in a step of the gateway, as a type": {
    files: { "apps/gateway/src/steps/match-route.ts": 'import type { IncomingMessage } from "node:http";' },
    complaint: /steps\/match-route\.ts: imports node:http, but knows no transport/,
  },
  "the same in the pipeline, within a type": {
    files: { "apps/gateway/src/pipeline.ts": 'type Body = import("node:stream").Readable;' },
    complaint: /gateway\/src\/pipeline\.ts: imports node:stream, but knows no transport/,
  },
  "the same in what the steps pass on, by the name without a prefix": {
    files: { "apps/gateway/src/exchange.ts": 'import { type Socket } from "net";' },
    complaint: /gateway\/src\/exchange\.ts: imports net, but knows no transport/,
  },
  "test support outside tests": {
    files: { "packages/guard/src/a.ts": 'import { FrozenClock } from "@portcullis/testing";' },
    complaint: /guard\/src\/a\.ts: imports @portcullis\/testing/,
  },
  "a migration that imports what lives": {
    files: {
      "apps/auth-server/src/storage/migrations/0002-more.ts":
        'import type { Kysely } from "kysely";\nimport { hash } from "node:crypto";\nimport { a } from "./0001-first.ts";\nimport { rowOf } from "../../revocations/row.ts";',
    },
    complaint: /0002-more\.ts: imports \.\.\/\.\.\/revocations\/row\.ts, which may change/,
  },
  "a migration that imports a package of ours": {
    files: {
      "apps/auth-server/src/storage/migrations/0002-more.ts": 'import { x } from "@portcullis/protocol";',
    },
    complaint: /imports @portcullis\/protocol, which may change/,
  },
  "files that import each other in a circle": {
    files: {
      "packages/guard/src/a.ts": 'import { b } from "./b.ts";',
      "packages/guard/src/b.ts": 'import { c } from "./deep/c.ts";',
      "packages/guard/src/deep/c.ts": 'export { a } from "../a.ts";',
    },
    complaint:
      /in a circle: packages\/guard\/src\/a\.ts -> .*b\.ts -> .*c\.ts -> packages\/guard\/src\/a\.ts/,
  },
  "a file that imports what stands above it, as a type": {
    files: {
      "apps/auth-server/src/storage/log/a.ts": 'import type { B } from "../../revocations/revoke/b.ts";',
    },
    complaint:
      /storage\/log\/a\.ts: imports \.\.\/\.\.\/revocations\/revoke\/b\.ts, but revocations\/revoke stands above storage\/log/,
  },
  "a room that imports the composition of its own feature": {
    files: { "apps/auth-server/src/oidc/state/a.ts": 'export { b } from "../compose.ts";' },
    complaint: /oidc\/state\/a\.ts: imports \.\.\/compose\.ts, but oidc stands above oidc\/state/,
  },
  "a feature that imports the feature beside it": {
    files: { "apps/auth-server/src/account/a.ts": 'import { b } from "../sign-out/b.ts";' },
    complaint: /account\/a\.ts: imports \.\.\/sign-out\/b\.ts, but sign-out stands beside account/,
  },
  "a feature that is entered past its index": {
    files: {
      "apps/auth-server/src/account/a.ts":
        'import { b } from "../oidc/state/b.ts";\nimport { c } from "../oidc/index.ts";',
      "apps/auth-server/src/oidc/index.ts": "",
    },
    complaint:
      /account\/a\.ts: imports \.\.\/oidc\/state\/b\.ts, past apps\/auth-server\/src\/oidc\/index\.ts/,
  },
  "a folder of an app that no rule is about": {
    files: {
      "apps/relay/src/shed/a.ts": "",
      "apps/relay/src/shed/b.ts": 'import "./a.ts";',
    },
    complaint: /apps\/relay\/src\/shed: say in tools\/floors\.ts on which floor it stands/,
  },
  "a workspace that no rule is about": {
    files: { "packages/stowaway/package.json": "{}" },
    complaint: /packages\/stowaway: say in tools\/check-imports\.ts/,
  },
};

for (const [what, { files, complaint }] of Object.entries(COMPLAINTS)) {
  test(`complains of ${what}`, (t) => {
    const complaints = checkImports(treeOf(files, t));
    assert.equal(complaints.length, 1, complaints.join("\n"));
    assert.match(complaints[0]!, complaint);
  });
}

test("has nothing against what the rules allow", (t) => {
  const files = {
    "packages/guard/src/a.ts":
      'import "@portcullis/revocation";\nimport { b } from "./b.ts";\nimport "node:fs";',
    "packages/guard/src/b.ts": 'export const b = "@portcullis/client";',
    "packages/guard/test/a.test.ts": 'import "@portcullis/testing";\nimport "../src/a.ts";',
    "packages/guard/package.json": "{}",
    "apps/gateway/src/entry/proxy/a.ts": 'import type { IncomingMessage } from "node:http";',
    "apps/gateway/src/upstreams/a.ts":
      'import { Readable } from "node:stream";\nimport { Pool } from "undici";',
  };
  assert.deepEqual(checkImports(treeOf(files, t)), []);
});

test("has nothing against an app whose imports go down", (t) => {
  const files = {
    "apps/auth-server/src/server.ts": 'import "./oidc/index.ts";\nimport "./storage/open-storage.ts";',
    "apps/auth-server/src/oidc/index.ts": 'export * from "./state/a.ts";',
    "apps/auth-server/src/oidc/state/a.ts": 'import "./b.ts";\nimport "../errors.ts";',
    "apps/auth-server/src/oidc/state/b.ts": 'import "../../storage/storage.ts";',
    "apps/auth-server/test/oidc/a.test.ts": 'import "../../src/server.ts";',
  };
  assert.deepEqual(checkImports(treeOf(files, t)), []);
});

test("no row of the floors is left over from what was moved", () => {
  assert.deepEqual(emptyRows(repository.filesBelow("apps", /\.tsx?$/)), []);
});

test("looks at the files of this repository", () => {
  assert.ok(repository.filesBelow("packages", /\.ts$/).length > 100);
  assert.deepEqual(checkImports(), []);
});
