import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { addressesFrom, requireFreePorts } from "../addresses.ts";
import { quote } from "../children.ts";
import { openDataDirectory } from "../data-directory.ts";
import { openDemo } from "../demo.ts";
import { writeUnedited } from "../kept-files.ts";
import { parseOptions, UsageError } from "../options.ts";

describe("the launcher's options", () => {
  it("have defaults that need no option", () => {
    assert.deepEqual(parseOptions([], "/home/me"), {
      dataDirectory: "/home/me/.portcullis",
      portBase: 8400,
      resetConfig: false,
      json: false,
    });
  });

  it("take a directory relative to where the command was typed", () => {
    const options = parseOptions(["--data", "x/y", "--port-base=9000", "--json"], "/home/me");
    const expected = { dataDirectory: "/home/me/x/y", portBase: 9000, resetConfig: false, json: true };
    assert.deepEqual(options, expected);
    assert.equal(parseOptions(["--help"], "/"), "help");
  });

  it("are refused by name when they are not known", () => {
    assert.throws(() => parseOptions(["--bogus"], "/"), { constructor: UsageError, message: /--bogus/ });
    assert.throws(() => parseOptions(["stray"], "/"), {
      constructor: UsageError,
      message: /stray.*forget --\?/,
    });
    assert.throws(() => parseOptions(["--data"], "/"), UsageError);
  });

  it("take a name or an address for others on the network, and nothing that could change a URL", () => {
    for (const host of ["192.168.1.5", "my-box.lan", "localhost"]) {
      assert.equal((parseOptions(["--host", host], "/") as { host: string }).host, host);
    }
    for (const host of ["0.0.0.0", "", "::1", "a/b", "a:1", "UPPER", "-a", "a b", "user@box"]) {
      assert.throws(() => parseOptions([`--host=${host}`], "/"), {
        constructor: UsageError,
        message: /--host/,
      });
    }
  });

  it("take no port base that leaves no room for all ports", () => {
    for (const text of ["0", "80", "65524", "-1", "8400x", "1e4", "", "99999999"]) {
      assert.throws(() => parseOptions([`--port-base=${text}`], "/"), UsageError, text);
    }
    assert.equal((parseOptions(["--port-base=65523"], "/") as { portBase: number }).portBase, 65_523);
  });
});

describe("the launcher's data directory", () => {
  const path = join(mkdtempSync(join(tmpdir(), "portcullis-data-")), "new");
  after(() => rmSync(path, { recursive: true, force: true }));
  const told = { issuer: "http://127.0.0.1:8400", portBase: 8400 };
  const mode = (name = "") => (statSync(join(path, name)).mode & 0o777).toString(8);

  it("is for its owner only, and so is all in it", () => {
    const data = openDataDirectory(path, told);
    openDemo(data);
    for (const folder of ["", "config", "logs"]) assert.equal(mode(folder), "700", folder);
    assert.equal(mode("demo.json"), "600");
    data.release();
  });

  it("gets an administrator if it is of before, and keeps the rest", () => {
    const data = openDataDirectory(path, told);
    const { administrator, ...before } = openDemo(data);
    data.write("demo.json", JSON.stringify(before));
    const { administrator: made, ...kept } = openDemo(data);
    assert.deepEqual(kept, before);
    assert.notEqual(made.password, administrator.password);
    assert.deepEqual(openDemo(data).administrator, made);
    data.release();
  });

  it("keeps the demo user's password and the secrets", () => {
    const first = openDataDirectory(path, told);
    const demo = openDemo(first);
    first.release();
    const second = openDataDirectory(path, told);
    assert.deepEqual(openDemo(second), demo);
    assert.equal(new Set(Object.values(demo.secrets)).size, 4);
    second.release();
  });

  it("is held by one launcher; the second is told by whom", () => {
    const data = openDataDirectory(path, told);
    assert.throws(
      () => openDataDirectory(path, told),
      new RegExp(`already running on .*process ${process.pid}, http://127.0.0.1:8400`, "s"),
    );
    for (const [portBase, advised] of [
      [8400, 8500],
      [8500, 8600],
      [65_000, 8500],
    ] as const) {
      assert.throws(
        () => openDataDirectory(path, { ...told, portBase }),
        new RegExp(`--data OTHER_DIR --port-base ${advised}$`),
      );
    }
    data.release();
    openDataDirectory(path, told).release();
  });

  it("is free again when its launcher was killed", async () => {
    const module = JSON.stringify(new URL("../data-directory.ts", import.meta.url).href);
    const script = `const { openDataDirectory } = await import(${module});
      openDataDirectory(${JSON.stringify(path)}, { issuer: "x", portBase: 8400 });
      process.send("taken");
      setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const gone = once(holder, "exit");
    try {
      await once(holder, "message");
      assert.throws(() => openDataDirectory(path, told), /already running/);
    } finally {
      holder.kill("SIGKILL");
      await gone;
    }
    openDataDirectory(path, told).release();
  });

  it("is not made of somebody else's folder, whose files and mode it leaves alone", () => {
    const home = mkdtempSync(join(tmpdir(), "portcullis-home-"));
    chmodSync(home, 0o755);
    writeFileSync(join(home, "letter.txt"), "dear");
    assert.throws(() => openDataDirectory(home, told), /is not empty and was not made by Portcullis/);
    assert.deepEqual(readdirSync(home), ["letter.txt"]);
    assert.equal(statSync(home).mode & 0o777, 0o755);
    rmSync(home, { recursive: true });
  });

  it("says which file cannot be read", () => {
    const data = openDataDirectory(path, told);
    const kept = readFileSync(join(path, "demo.json"), "utf8");
    data.write("demo.json", "{");
    assert.throws(() => openDemo(data), /demo\.json cannot be read/);
    data.write("demo.json", kept);
    data.release();
  });
});

describe("the launcher's ports", () => {
  it("are checked before anything starts, and a taken one is named with the remedy", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const { port } = squatter.address() as { port: number };
    await assert.rejects(
      requireFreePorts(addressesFrom(port - 1)),
      new RegExp(
        `Port ${port} \\(gateway\\) is taken\\.[^\\n]*\\n(.*\\n)*Choose other ports: npm start -- --port-base \\d+$`,
      ),
    );
    squatter.close();
  });

  it("advise a base a hundred above the one that was given, also with a host", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const { port } = squatter.address() as { port: number };
    const portBase = port - 1;
    const advised = portBase + 100 > 60_000 ? 8500 : portBase + 100;
    await assert.rejects(
      requireFreePorts(addressesFrom(portBase, "box.lan")),
      new RegExp(`--port-base ${advised}$`),
    );
    squatter.close();
  });

  it("are checked for operators too", async () => {
    for (const [offset, use] of [
      [10, "authorization server's management"],
      [11, "orders service's management"],
      [12, "web app's management"],
    ] as const) {
      const squatter = createServer().listen(0, "127.0.0.1");
      await once(squatter, "listening");
      const { port } = squatter.address() as { port: number };
      await assert.rejects(
        requireFreePorts(addressesFrom(port - offset)),
        new RegExp(`Port ${port} \\(${use}\\) is taken\\.`),
      );
      squatter.close();
    }
  });
});

describe("the launcher's addresses with a host", () => {
  const addresses = addressesFrom(9000, "box.lan");

  it("are https for others, in front of parts that listen for this machine alone", () => {
    assert.equal(addresses.issuer, "https://box.lan:9000");
    assert.equal(addresses.management, "http://127.0.0.1:9004");
    assert.deepEqual(addresses.ports, {
      issuer: 9005,
      gateway: 9006,
      service: 9007,
      webApp: 9008,
      management: 9004,
      authServerManagement: 9010,
      serviceManagement: 9011,
      webAppManagement: 9012,
    });
    assert.deepEqual(addresses.managements, {
      authServer: "http://127.0.0.1:9010",
      gateway: "http://127.0.0.1:9004",
      service: "http://127.0.0.1:9011",
      webApp: "http://127.0.0.1:9012",
    });
    assert.deepEqual(
      addresses.fronts.map(({ port, inner }) => [port, inner]),
      [9000, 9001, 9002, 9003].map((port) => [port, port + 5]),
    );
  });
});

describe("configuration files", () => {
  const path = join(mkdtempSync(join(tmpdir(), "portcullis-kept-")), "new");
  after(() => rmSync(path, { recursive: true, force: true }));
  const data = openDataDirectory(path, { issuer: "x", portBase: 8400 });
  after(() => data.release());
  const write = (text: string, reset = false) =>
    writeUnedited({ data, files: { "a.json": text, "b.json": text }, reset });
  const textOf = (name: string) => readFileSync(join(path, "config", name), "utf8");

  it("are written again while nobody has edited them", () => {
    assert.deepEqual(write("1"), []);
    assert.deepEqual(write("2"), []);
    assert.equal(textOf("a.json"), "2");
  });

  it("are kept for as long as an edit stands, and written when it is undone or to be forgotten", () => {
    data.write("config/a.json", "mine");
    assert.deepEqual(write("3"), ["a.json"]);
    assert.deepEqual(write("4"), ["a.json"]);
    assert.equal(textOf("a.json"), "mine");
    assert.equal(textOf("b.json"), "4");
    data.write("config/a.json", "2");
    assert.deepEqual(write("5"), []);
    data.write("config/a.json", "mine");
    assert.deepEqual(write("6", true), []);
    assert.equal(textOf("a.json"), "6");
  });

  it("are written again when they were deleted", () => {
    rmSync(join(path, "config", "a.json"));
    assert.deepEqual(write("7"), []);
    assert.equal(textOf("a.json"), "7");
  });
});

describe("a command that is printed", () => {
  it("can be pasted into a shell, whatever is in it", () => {
    assert.equal(quote("/usr/bin/node"), "/usr/bin/node");
    assert.equal(quote("/home/my name/it's"), "'/home/my name/it'\\''s'");
    assert.equal(quote("$(rm)"), "'$(rm)'");
  });
});
