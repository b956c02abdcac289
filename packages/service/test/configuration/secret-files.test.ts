import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { type Document, problems, read } from "./a-configuration.ts";

const directory = mkdtempSync(join(tmpdir(), "portcullis-secrets-"));
after(() => rmSync(directory, { recursive: true }));
const inFile = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return name;
};

/** In the file, the secret is replaced by these members. */
const verifierWith = (members: object) => (document: Document) => {
  delete document.verifier.clientSecret;
  Object.assign(document.verifier, members);
};

test("a secret comes from a file, relative to the configuration, without the end of the line", () => {
  const change = verifierWith({ clientSecretFile: inFile("secret", "from-a-file\n") });
  assert.equal(read({ change, directory }).verifier.clientSecret, "from-a-file");
});

test("a secret in an element of a list comes from a file, too", () => {
  const clientSecretFile = inFile("client", "of-a-client\n");
  const change = (document: Document) => void Object.assign(document.clients[0]!, { clientSecretFile });
  assert.equal(read({ change, directory }).clients[0]!.clientSecret, "of-a-client");
});

test("of the environment, both forms come before both forms of the file", () => {
  const file = join(directory, inFile("environment", "of-the-environment"));
  const byFile = { PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE: file };
  assert.equal(read({ environment: byFile, directory }).verifier.clientSecret, "of-the-environment");
  const change = verifierWith({ clientSecretFile: "nowhere" });
  const environment = { PORTCULLIS_VERIFIER_CLIENT_SECRET: "written-there" };
  assert.equal(read({ change, environment, directory }).verifier.clientSecret, "written-there");
});

test("a file that the environment names is found from the working directory, not from where the configuration is", () => {
  const file = relative(process.cwd(), join(directory, inFile("of-a-shell", "of-a-shell")));
  const byName = { PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE: file };
  assert.equal(read({ environment: byName, directory: "/nowhere" }).verifier.clientSecret, "of-a-shell");
  const inGroup = { PORTCULLIS_VERIFIER: JSON.stringify({ clientId: "a", clientSecretFile: file }) };
  assert.equal(read({ environment: inGroup, directory: "/nowhere" }).verifier.clientSecret, "of-a-shell");
  const inList = { PORTCULLIS_CLIENTS: JSON.stringify([{ clientId: "a", clientSecretFile: file }]) };
  assert.equal(read({ environment: inList, directory: "/nowhere" }).clients[0]!.clientSecret, "of-a-shell");
});

test("a secret that is there twice is a problem", () => {
  const change = verifierWith({ clientSecret: "one-and-one", clientSecretFile: "x" });
  const twice = ["verifier.clientSecret: found it and verifier.clientSecretFile; keep one of them"];
  assert.deepEqual(problems({ change, directory }), twice);
  const environment = {
    PORTCULLIS_VERIFIER_CLIENT_SECRET: "one-and-one",
    PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE: "x",
  };
  assert.deepEqual(problems({ environment, directory }), [
    "verifier.clientSecret (PORTCULLIS_VERIFIER_CLIENT_SECRET): found it and verifier.clientSecretFile (PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE); keep one of them",
  ]);
});

test("a secret file that is missing, empty or a directory is one problem, and hides no other", () => {
  const empty = inFile("empty", "\n");
  for (const [file, why] of [
    ["nowhere", /there is no such file/],
    [".", /it is a directory/],
    [empty, /is empty; write the secret into it/],
  ] as const) {
    const change = (document: Document) => {
      verifierWith({ clientSecretFile: file })(document);
      document.listen.port = -1;
      document.clients.push({ clientId: "web" });
    };
    const found = problems({ change, directory });
    assert.deepEqual(
      found.map((line) => line.split(": ")[0]),
      ["verifier.clientSecretFile", "listen.port", "clients[1].clientId"],
    );
    assert.match(found[0]!, why);
  }
});

test("without a secret, both ways to give one are named", () => {
  const found = problems({ change: verifierWith({}) });
  assert.deepEqual(found, [
    "verifier.clientSecret: found nothing; set it here, or clientSecretFile beside it, or PORTCULLIS_VERIFIER_CLIENT_SECRET in the environment",
  ]);
});
