import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ACCOUNT_SCOPES, API_SCOPES } from "@portcullis/protocol";
import { configurationOf } from "@portcullis/service";
import { authServerConfiguration, parseConfiguration, resolveConfiguration } from "../../src/config/load.ts";

const REFERENCE = new URL("../../../../docs/reference/auth-server-configuration.md", import.meta.url);

const valid = () => ({
  issuer: "http://127.0.0.1:8400",
  listen: { host: "127.0.0.1", port: 8400 },
  dataDirectory: "/var/lib/portcullis",
  resources: [
    {
      identifier: "https://orders.example",
      name: "Orders",
      scopes: { "orders.read": "Read" },
      accessTokenTtlSeconds: 600,
    },
  ],
  clients: [
    {
      clientId: "web",
      name: "Web",
      redirectUris: ["http://127.0.0.1:8403/callback"],
      grantTypes: ["authorization_code", "refresh_token"],
      resources: { "https://orders.example": ["orders.read"] },
    },
  ] as Record<string, unknown>[],
  users: [{ username: "demo", name: "Demo", password: "long enough" }] as Record<string, unknown>[],
});

type Document = ReturnType<typeof valid>;

const set = (target: object, members: object): void => void Object.assign(target, members);

function problemsOf(change: (document: Document) => void): string {
  const document = valid();
  change(document);
  try {
    resolveConfiguration(document);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "configuration_invalid");
    return (error as Error).message;
  }
  return "";
}

describe("the configuration", () => {
  it("names the new setting when it finds one by its earlier name", () => {
    const problems = problemsOf((document) => set(document, { mostLiveRevocations: 5000 }));
    assert.match(problems, /mostLiveRevocations: is not a setting; did you mean maxLiveRevocations\?/);
  });

  it("takes redirect URIs for native apps that a native app can be answered at, and those alone", () => {
    const problemsWith = (type: string, uri: string) =>
      problemsOf(({ clients }) => set(clients[0]!, { type, redirectUris: [uri] }));
    for (const uri of ["com.example.app:/callback", "http://127.0.0.1/callback", "http://[::1]:1/x"])
      assert.equal(problemsWith("native", uri), "", uri);
    assert.equal(problemsWith("native", "https://app.example/callback"), "");
    assert.match(
      problemsWith("web", "com.example.app:/callback"),
      /clients\[0\]\.redirectUris\[0\].*type: "native"/,
    );
    assert.match(problemsWith("native", "example:/callback"), /reversed domain name/);
    assert.match(problemsWith("native", "http://127.0.0.2/callback"), /127\.0\.0\.1/);
    assert.match(problemsWith("native", "https://127.0.0.1/callback"), /must not be https/);
  });

  it("is read from JSON and from YAML, and is frozen", () => {
    const json = parseConfiguration(JSON.stringify(valid()));
    const yaml = parseConfiguration(
      "issuer: https://id.example\nlisten: { port: 443 }\ndataDirectory: /data\n",
    );
    assert.equal(yaml.listen.host, "127.0.0.1");
    assert.ok(Object.isFrozen(json.clients[0]!.redirectUris));
  });

  it("adds the server's own APIs, and knows the longest life that a token may have", () => {
    const { apiResource, resources, maxAccessTokenLifetimeSeconds } = resolveConfiguration(valid());
    assert.equal(apiResource, "http://127.0.0.1:8400/api");
    const [own, account] = resources.slice(-2);
    assert.deepEqual(Object.keys(own!.scopes).toSorted(), Object.values(API_SCOPES).toSorted());
    assert.deepEqual(Object.keys(account!.scopes).toSorted(), Object.values(ACCOUNT_SCOPES).toSorted());
    assert.equal(maxAccessTokenLifetimeSeconds, 86_400);
  });

  it("lets no access token live longer than revocations are kept", () => {
    const problemsAt = (most: number, lifetime: number) =>
      problemsOf((document) => {
        set(document, { maxAccessTokenLifetimeSeconds: most });
        set(document.resources[0]!, { accessTokenTtlSeconds: lifetime });
      });
    const problems = problemsAt(300, 301);
    assert.match(problems, /resources\[0\]\.accessTokenTtlSeconds: found 301.*is 300; take at most 300/);
    assert.match(problemsAt(299, 200), /maxAccessTokenLifetimeSeconds/);
    const { maxAccessTokenLifetimeSeconds } = resolveConfiguration({
      ...valid(),
      maxAccessTokenLifetimeSeconds: 600,
    });
    assert.equal(maxAccessTokenLifetimeSeconds, 600);
  });

  for (const name of ["Shop\u202epohs", "  ", "\u200d\u3164"])
    it(`takes no name of anybody or anything that turns the text around it, or is blank: ${JSON.stringify(name)}`, () => {
      const problems = problemsOf((document) => {
        document.users = [{ username: "dora", password: "long enough a password", name }];
        set(document.clients[0]!, { name });
        set(document.resources[0]!, { name });
      });
      for (const path of ["users", "clients", "resources"])
        assert.match(problems, new RegExp(`${path}\\[0\\]\\.name: .*control character`));
    });

  it("takes no username that could be a sub or an e-mail address, and no twins of one", () => {
    const user = { name: "X", password: "long enough a password" };
    const names = [
      "alice@example.com",
      "Vt8Vt7mGQf2bqfYkq0hZ0A",
      "a\u0000b",
      "Dora",
      "dora",
      "a\uff20b",
      "..",
    ];
    const problems = problemsOf((document) => {
      document.users = names.map((username) => ({ ...user, username }));
    });
    const said = names.map((_, at) => new RegExp(`users\\[${at}\\]\\.username: (.*)`).exec(problems)?.[1]);
    const expected = [
      /have no @/,
      /like a sub/,
      /control characters/,
      undefined,
      /has already/,
      /have no @/,
      /paths/,
    ];
    for (const [at, what] of expected.entries()) {
      if (what === undefined) assert.equal(said[at], undefined);
      else assert.match(said[at] ?? "", what);
    }
  });

  it("takes no name of an app that could be the sub of a user, or a step of a path", () => {
    for (const clientId of [
      "Vt8Vt7mGQf2bqfYkq0hZ0A",
      "018f2c1e-7a30-7c3e-8f53-0d2a5f0a1b2c",
      "018F2C1E-7A30-7C3E-8F53-0D2A5F0A1B2C",
      "..",
    ]) {
      const problems = problemsOf(({ clients }) => Object.assign(clients[0]!, { clientId }));
      assert.match(problems, /clients\[0\]\.clientId: .*(?:sub of a user|step of a path)/, clientId);
    }
  });

  it("takes no name of an app that personal tokens have in place of one: it could ask about all of them", () => {
    const clientId = "portcullis-personal-token";
    const problems = problemsOf(({ clients }) => Object.assign(clients[0]!, { clientId }));
    assert.match(problems, /clients\[0\]\.clientId: .*personal tokens/);
  });

  it("names every problem at once, each with its path", () => {
    const problems = problemsOf((document) => {
      document.listen.port = 70_000;
      document.users[0]!.password = "short";
      document.clients[0]!.grantTypes = ["implicit"];
      Object.assign(document, { colour: "blue" });
    });
    for (const path of ["listen.port", "users[0].password", "clients[0].grantTypes[0]", "colour"]) {
      assert.ok(problems.includes(path), `${path} in ${problems}`);
    }
  });

  it("tells what is wrong between settings beside what is wrong with one of them", () => {
    const problems = problemsOf((document) => {
      document.listen.port = 70_000;
      document.issuer = "https://id.example/path/";
      set(document.resources[0]!, { name: "" });
      set(document.clients[0]!, { name: "", grantTypes: ["client_credentials"] });
      document.clients.push({
        ...valid().clients[0],
        resources: { "https://orders.example": ["orders.delete"] },
      });
      document.users.push({ username: "demo", name: "", password: "long enough" });
    });
    const lines = problems.split("\n").slice(1);
    assert.deepEqual(lines.map((line) => line.trim().split(": ")[0]).sort(), [
      "clients[0].clientSecret",
      "clients[0].name",
      "clients[1].clientId",
      'clients[1].resources["https://orders.example"]',
      "issuer",
      "listen.port",
      "resources[0].name",
      "users[1].name",
      "users[1].username",
    ]);
  });

  it("does not take one of this server's own APIs, or its management port, twice", () => {
    for (const own of ["", "api", "account", "api/", "API", "account/v1"]) {
      const problems = problemsOf((document) => {
        set(document.resources[0]!, { identifier: `${document.issuer}/${own}` });
        set(document.clients[0]!, { resources: {} });
        set(document, { management: { port: document.listen.port } });
      });
      assert.match(problems, /resources\[0\]\.identifier: found .* an API of this server's own/, own);
      assert.match(problems, /management\.port: found 8400, the port of listen/);
    }
  });

  it("lets the account API be asked for by apps of the operator's own alone", () => {
    const account = (firstParty: boolean) => (document: Document) =>
      set(document.clients[0]!, {
        firstParty,
        resources: { [`${document.issuer}/account`]: ["account.read"] },
      });
    assert.deepEqual(problemsOf(account(false)).split("\n").slice(1), [
      '  clients[0].resources["http://127.0.0.1:8400/account"]: this API is for apps of your own; set firstParty, or remove it from resources',
    ]);
    const allowed = valid();
    account(true)(allowed);
    assert.equal(resolveConfiguration(allowed).accountResource, "http://127.0.0.1:8400/account");
  });

  it("says how this server's own API is called to a client that names the one of another issuer", () => {
    const problems = problemsOf(({ clients, resources }) => {
      set(clients[0]!, { resources: { "https://old.example/api": ["revocations.read"] } });
      set(resources[0]!, { identifier: "https://orders.example/api" });
    });
    assert.deepEqual(problems.split("\n").slice(1), [
      '  clients[0].resources["https://old.example/api"]: there is no such API; this server\'s own API is called http://127.0.0.1:8400/api',
    ]);
  });

  for (const issuer of ["https://id.example/", "http://id.example", "id.example", "ftp:x", 5]) {
    it(`says one thing of the issuer ${issuer}, and nothing of what follows from it`, () => {
      const problems = problemsOf((document) => {
        set(document, { issuer });
        set(document.clients[0]!, {
          resources: { "http://127.0.0.1:8400/api": ["revocations.read"] },
          defaultApi: "http://127.0.0.1:8400/api",
        });
      });
      const paths = problems
        .split("\n")
        .slice(1)
        .map((line) => line.split(":")[0]);
      assert.deepEqual(paths, ["  issuer"], problems);
    });
  }

  it("says once that a service has no secret", () => {
    const service = { type: "service", grantTypes: ["client_credentials"], redirectUris: [] };
    const problems = problemsOf(({ clients }) => set(clients[0]!, service));
    assert.equal(problems.match(/clientSecret: found none/g)?.length, 1, problems);
  });

  it("takes secrets of users, clients and the database out of files, and shows none", () => {
    const directory = mkdtempSync(join(tmpdir(), "portcullis-configuration-"));
    writeFileSync(join(directory, "secret"), `${"0123456789".repeat(3)}\n`);
    const file = { clientSecretFile: "secret", grantTypes: ["client_credentials"] };
    const document = {
      ...valid(),
      database: { kind: "postgres", urlFile: "url" },
      clients: [{ ...valid().clients[0], ...file }],
      users: [{ username: "demo", name: "Demo", passwordFile: "secret" }],
    };
    writeFileSync(join(directory, "url"), "postgres://a:b@c/d");
    const { clients, users, database } = configurationOf(authServerConfiguration, { document, directory });
    assert.equal(clients[0]!.clientSecret, "0123456789".repeat(3));
    assert.equal(users[0]!.password, clients[0]!.clientSecret);
    assert.equal(database.kind === "postgres" && database.url, "postgres://a:b@c/d");
    writeFileSync(join(directory, "url"), "mysql://a:hunter2@c/d");
    assert.throws(
      () => configurationOf(authServerConfiguration, { document, directory }),
      (error: Error) =>
        /database\.url: .*must be a postgres/.test(error.message) && !error.message.includes("hunter2"),
    );
  });

  it("has an example in its reference that works", () => {
    const page = readFileSync(REFERENCE, "utf8");
    const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(page)!;
    const text = yaml!
      .replace("clientSecretFile: gateway-secret", `clientSecret: "${"0123456789".repeat(3)}"`)
      .replace("passwordFile: ada-password", "password: long enough");
    assert.equal(parseConfiguration(text).clients.length, 2);
  });

  it("is refused when it is neither JSON nor YAML", () => {
    assert.throws(() => parseConfiguration("{ issuer: ["), { code: "configuration_invalid" });
  });

  const REFUSED: Readonly<Record<string, readonly [(document: Document) => void, RegExp]>> = {
    "an issuer over plain http": [
      (document) => set(document, { issuer: "http://id.example" }),
      /^ +issuer: found "http:\/\/id\.example"; must be https/m,
    ],
    "an issuer with a slash at the end": [
      (document) => set(document, { issuer: `${document.issuer}/auth/` }),
      /^ +issuer: found ".*\/auth\/"; must be an origin, such as .*, or one with a path/m,
    ],
    "an issuer whose path has another spelling": [
      (document) => set(document, { issuer: `${document.issuer}/%61uth` }),
      /^ +issuer: found ".*\/%61uth"; must be an origin/m,
    ],
    "an API that is named like the server's own, below the issuer's path": [
      (document) => {
        set(document, { issuer: "https://id.example/auth" });
        document.resources[0]!.identifier = "https://id.example/Auth//api/v1";
      },
      /identifier: found "https:\/\/id\.example\/Auth\/\/api\/v1", which is an API of this server's own/,
    ],
    "a client that is there twice": [
      (document) => void document.clients.push(document.clients[0]!),
      /clients\[1\]\.clientId: found "web", which clients\[0\] has already/,
    ],
    "a scope that no resource has": [
      (document) => set(document.clients[0]!, { resources: { "https://orders.example": ["orders.delete"] } }),
      /has no scope "orders\.delete"/,
    ],
    "a resource that is not there": [
      (document) => set(document.clients[0]!, { resources: { "https://nowhere.example": ["x"] } }),
      /no such resource/,
    ],
    "client credentials without a secret": [
      (document) => set(document.clients[0]!, { grantTypes: ["authorization_code", "client_credentials"] }),
      /clients\[0\]\.clientSecret: found none/,
    ],
    "a secret that can be guessed": [
      (document) => set(document.clients[0]!, { clientSecret: "secret" }),
      /clients\[0\]\.clientSecret: found a value that is not shown; must be random/,
    ],
    "codes without a redirect URI": [
      (document) => set(document.clients[0]!, { redirectUris: [] }),
      /clients\[0\]\.redirectUris: found none/,
    ],
  };
  for (const [name, [change, expected]] of Object.entries(REFUSED)) {
    it(`refuses ${name}`, () => assert.match(problemsOf(change), expected));
  }

  for (const uri of [
    "javascript:alert(1)",
    "http://shop.example/callback",
    "https://shop.example/callback#x",
    "https://user@shop.example/callback",
    "https://SHOP.example/callback",
    "https://shop.example/a/../callback",
    "https:\\\\shop.example/callback",
    "shop:/callback",
    "/callback",
  ]) {
    it(`refuses ${uri} as a redirect URI`, () => {
      const problems = problemsOf((document) => set(document.clients[0]!, { redirectUris: [uri] }));
      assert.match(problems, /clients\[0\]\.redirectUris\[0\]: found /);
    });
  }

  for (const uri of ["https://shop.example/callback", "https://shop.example"]) {
    it(`takes ${uri} as a redirect URI`, () => {
      assert.equal(
        problemsOf((document) => set(document.clients[0]!, { redirectUris: [uri] })),
        "",
      );
    });
  }
});
