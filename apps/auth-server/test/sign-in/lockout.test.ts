/** Wrong passwords for one account count together, whatever they are sent as: every spelling, every way in, all at once, over HTTP. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { callApi, startForScopes } from "../api/call-api.ts";
import { begin, isEnd, pressFirst, signIn } from "../oidc/app.ts";
import { AFTER_LOGOUT, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { REFUSED, SIGNED_IN, Visitor, WAIT } from "./visitor.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["users.read", "users.write"], {
    change: (document) => Object.assign(document, { limits: { signInAttemptsPerMinute: 1_000_000 } }),
  });
});
after(() => server.stop());

interface Person {
  readonly username: string;
  readonly email: string;
  readonly password: string;
}

let person: Person;
/** Where the person is signed in already. */
let device: Awaited<ReturnType<typeof signIn>>;
let people = 0;
async function arrives(more: object = {}): Promise<Person> {
  const username = `person-${++people}`;
  const person = { username, email: `${username}@example.com`, password: `the password of ${username}` };
  const body = { ...person, emailVerified: true, ...more };
  const made = await callApi(server, "users", { method: "POST", scope: "users.write", body });
  assert.equal(made.status, 201, made.body);
  return person;
}

const comeBy = () => Visitor.arrive(server, "192.0.2.1");
const LONGEST_BLOCK_MS = 60_000;

/** Guesses until the next guess has to wait for a minute, and at its beginning: whatever a busy machine does takes less. */
async function exhaust(name: string): Promise<void> {
  const visitor = await comeBy();
  for (let guess = 0; guess < 12; guess++) {
    server.advance(LONGEST_BLOCK_MS);
    assert.equal((await visitor.guess(name)).status, REFUSED);
  }
  assert.equal((await visitor.guess(name)).status, WAIT);
}

const unlock = (username: string) =>
  callApi(server, `users/${username}/unlock`, { method: "POST", scope: "users.write" });

type WayIn = (person: Person, typed: string, headers: Readonly<Record<string, string>>) => Promise<number>;

/** Each gives the status of the answer to the right password. */
const WAYS_IN: Readonly<Record<string, WayIn>> = {
  "the account page": async ({ password }, username, headers) => {
    const browser = new PlainBrowser();
    browser.headers = headers;
    const page = await browser.open(`${server.issuer}/account`);
    return (await pressFirst(browser, page, { username, password })).status;
  },
  "the sign-in page of an app": async ({ password }, username, headers) => {
    const browser = new PlainBrowser();
    browser.headers = headers;
    const page = await browser.open(begin(server.issuer).url, isEnd);
    return (await pressFirst(browser, page, { username, password })).status;
  },
  "the page that signs out of an app": async ({ password }, username, headers) => {
    const browser = new PlainBrowser();
    browser.headers = headers;
    const page = await browser.open(`${server.issuer}/logout?id_token_hint=${device.id_token}`);
    const isBye = (url: URL) => url.href.startsWith(AFTER_LOGOUT);
    return (await pressFirst(browser, page, { username, password }, isBye)).status;
  },
};

const MADE_UP: readonly Readonly<Record<string, string>>[] = [
  { "x-forwarded-for": "198.51.100.1" },
  { forwarded: "for=198.51.100.2" },
  { "x-real-ip": "198.51.100.3", "x-client-ip": "198.51.100.3" },
  { "x-forwarded-for": "198.51.100.4, 127.0.0.1", via: "1.1 proxy" },
];

beforeEach(async () => {
  person = await arrives();
  device = await signIn(server, { credentials: person });
});

describe("whoever has guessed too often", () => {
  it("waits with every spelling of the name, at every way in, from whatever address a header makes up", async () => {
    const { username } = person;
    const wide = username.replaceAll(/[a-z]/g, (letter) =>
      String.fromCodePoint(letter.codePointAt(0)! + 0xfee0),
    );
    await exhaust(username);
    for (const [name, wayIn] of Object.entries(WAYS_IN)) {
      for (const [at, typed] of [username, username.toUpperCase(), ` ${username} `, wide].entries())
        assert.equal(await wayIn(person, typed, MADE_UP[at]!), WAIT, `${name}: ${typed}`);
    }
    server.advance(LONGEST_BLOCK_MS);
    const visitor = await comeBy();
    assert.equal(
      (await visitor.try(person)).status,
      SIGNED_IN,
      "never for good, and trying made it no longer",
    );
  });

  it("gets one try of two hundred at once, where one is left", async () => {
    const { username } = person;
    const visitors = await Promise.all(Array.from({ length: 200 }, comeBy));
    await exhaust(username);
    server.advance(LONGEST_BLOCK_MS);
    const tried = await Promise.all(
      visitors.map((visitor, at) => {
        visitor.address = `198.51.100.${at}`;
        return visitor.guess(at % 2 === 0 ? username : username.toUpperCase());
      }),
    );
    const statuses = tried.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === REFUSED).length, 1, String([...new Set(statuses)]));
    assert.equal(statuses.filter((status) => status === SIGNED_IN).length, 0);
  });

  it("need not wait any more once an administrator has unlocked the account", async () => {
    await exhaust(person.username);
    assert.equal(json<{ changed: boolean }>(await unlock(person.username)).changed, true);
    assert.equal((await (await comeBy()).try(person)).status, SIGNED_IN);
  });
});

describe("guesses by two names of one user", () => {
  const asNobody = (text: string, name: string) =>
    text.replaceAll(name, "").replaceAll(/name="form" value="[^"]*"/g, "");

  for (const [first, second] of [
    ["username", "email"],
    ["email", "username"],
  ] as const)
    it(`count together: after those by ${first}, the right password by ${second} is answered as by a name of nobody`, async () => {
      await exhaust(person[first]);
      const { password } = person;
      const tried = await (await comeBy()).try({ username: person[second], password });
      const nobody = await (await comeBy()).try({ username: `nobody-${people}`, password });
      assert.equal(tried.status, REFUSED);
      assert.equal(asNobody(tried.body, person[second]), asNobody(nobody.body, `nobody-${people}`));
      server.advance(LONGEST_BLOCK_MS);
      assert.equal((await (await comeBy()).try({ username: person[second], password })).status, SIGNED_IN);
    });

  it("are forgotten with a success by either, and when an administrator unlocks the account", async () => {
    const { username, email, password } = person;
    for (const forget of [
      async () => {
        server.advance(LONGEST_BLOCK_MS);
        assert.equal((await (await comeBy()).try({ username: email, password })).status, SIGNED_IN);
      },
      () => unlock(username),
    ]) {
      await exhaust(username);
      await forget();
      const visitor = await comeBy();
      for (let guess = 0; guess < 5; guess++) assert.equal((await visitor.guess(email)).status, REFUSED);
      assert.equal((await visitor.try({ username: email, password })).status, SIGNED_IN);
    }
  });
});

describe("unlocking a user", () => {
  it("forgets nothing of an address that the user has not shown to be his", async () => {
    const claimant = await arrives({
      username: `claimant-${people}`,
      email: person.email,
      emailVerified: false,
    });
    await exhaust(person.email);
    await unlock(`claimant-${people - 1}`);
    assert.equal(
      (await (await comeBy()).try({ username: person.email, password: claimant.password })).status,
      WAIT,
    );
  });
});
