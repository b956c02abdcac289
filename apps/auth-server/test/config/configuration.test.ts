import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseConfiguration, resolveConfiguration } from "../../src/config/load.ts";

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
  it("takes redirect URIs for native apps that a native app can be answered at, and those alone", () => {
    const problemsWith = (type: string, uri: string) =>
      problemsOf(({ clients }) => set(clients[0]!, { type, redirectUris: [uri] }));
    for (const uri of ["com.example.app:/callback", "http://127.0.0.1/callback", "http://[::1]:1/x"])
      assert.equal(problemsWith("native", uri), "", uri);
    assert.equal(problemsWith("native", "https://app.example/callback"), "");
    assert.match(
      problemsWith("web", "com.example.app:/callback"),
      /clients\.0\.redirectUris\.0.*type: "native"/,
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

  it("adds the server's own API, and knows the longest life of a token", () => {
    const { apiResource, resources, tokenLifetimeSeconds } = resolveConfiguration(valid());
    assert.equal(apiResource, "http://127.0.0.1:8400/api");
    assert.deepEqual(Object.keys(resources.at(-1)!.scopes), [
      "revocations.read",
      "revocations.write",
      "revocations.inspect",
      "keys.read",
      "keys.write",
      "users.write",
      "apps.write",
    ]);
    assert.equal(tokenLifetimeSeconds, 600);
  });

  it("takes no username that could be a sub or an e-mail address, and no twins of one", () => {
    const user = { name: "X", password: "long enough a password" };
    const names = ["alice@example.com", "Vt8Vt7mGQf2bqfYkq0hZ0A", "a\u0000b", "Dora", "dora"];
    const problems = problemsOf((document) => {
      document.users = names.map((username) => ({ ...user, username }));
    });
    const said = names.map((_, at) => new RegExp(`users\\.${at}\\.username: ([^;]*)`).exec(problems)?.[1]);
    const expected = [/have no @/, /like a sub/, /control characters/, undefined, /there twice/];
    for (const [at, what] of expected.entries()) {
      if (what === undefined) assert.equal(said[at], undefined);
      else assert.match(said[at] ?? "", what);
    }
  });

  it("names every problem at once, each with its path", () => {
    const problems = problemsOf((document) => {
      document.listen.port = 70_000;
      document.users[0]!.password = "short";
      document.clients[0]!.grantTypes = ["implicit"];
      Object.assign(document, { colour: "blue" });
    });
    for (const path of ["listen.port", "users.0.password", "clients.0.grantTypes.0", "colour"]) {
      assert.ok(problems.includes(path), `${path} in ${problems}`);
    }
  });

  it("is refused when it is neither JSON nor YAML", () => {
    assert.throws(() => parseConfiguration("{ issuer: ["), { code: "configuration_invalid" });
  });

  const REFUSED: Readonly<Record<string, readonly [(document: Document) => void, RegExp]>> = {
    "an issuer over plain http": [
      (document) => set(document, { issuer: "http://id.example" }),
      /^issuer: must be https/,
    ],
    "an issuer with a path": [
      (document) => set(document, { issuer: `${document.issuer}/auth` }),
      /^issuer: must be an origin alone/,
    ],
    "a client that is there twice": [
      (document) => void document.clients.push(document.clients[0]!),
      /clients\.1\.clientId: "web" is there twice/,
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
      /clients\.0\.clientSecret/,
    ],
    "a secret that can be guessed": [
      (document) => set(document.clients[0]!, { clientSecret: "secret" }),
      /clients\.0\.clientSecret: must be random/,
    ],
    "codes without a redirect URI": [
      (document) => set(document.clients[0]!, { redirectUris: [] }),
      /clients\.0\.redirectUris/,
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
      assert.match(problems, /clients\.0\.redirectUris\.0/);
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
