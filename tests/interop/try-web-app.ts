/** What every app on a server must be able to do, through the real pages, in a browser without JavaScript. */
import assert from "node:assert/strict";
import {
  Administrator,
  assertRefused,
  bearer,
  claimsOf,
  exchange,
  json,
  type Page,
  PlainBrowser,
  passPages,
  receiptOf,
  type SignIn,
  until,
} from "@portcullis/testing/end-to-end";
import type { Step, WebTrial } from "./trials.ts";
import type { World } from "./world.ts";

/** What an app says of itself at `/`. */
interface Shown {
  readonly name: string | null;
  readonly accessToken: string | null;
}

/** Goes through the steps one after the other, and tells each that has passed. */
export async function tryWebApp(
  world: World,
  trial: WebTrial,
  passed: (step: Step) => void = () => undefined,
): Promise<void> {
  await world.start(trial);
  const app = new AppInBrowser(world, trial);
  await app.signIn();
  passed("sign in");
  await app.call();
  passed("call");
  if (trial.noRefresh === undefined) {
    await app.refresh();
    passed("refresh");
  }
  const { accessToken } = await app.shown();
  const isEnforced = await app.signOut();
  passed("sign out");
  await refusedAtOnce(world, accessToken!, isEnforced);
  passed("refused at once");
  if (trial.logoutPath === undefined) return;
  await app.signIn();
  await app.isSignedOutElsewhere();
  passed("signed out by back-channel");
}

class AppInBrowser {
  readonly #browser = new PlainBrowser();
  readonly #world: World;
  readonly #callback: URL;
  readonly #baseUrl: string;

  constructor(world: World, trial: WebTrial) {
    this.#world = world;
    this.#baseUrl = world.appOf(trial).baseUrl;
    this.#callback = new URL(trial.callbackPath, this.#baseUrl);
  }

  async signIn(): Promise<void> {
    const { demo } = this.#world.stack.info;
    const attempt = { url: new URL("/login", this.#baseUrl), isEnd: this.#isCallback };
    const callback = await passPages(this.#browser, attempt as Pick<SignIn, "url" | "isEnd"> as SignIn, demo);
    asSucceeded(await this.#browser.open(callback));
    assert.equal((await this.shown()).name, "Demo User");
  }

  async call(): Promise<void> {
    assert.equal(json(await this.#open("/call")).status, 200);
  }

  async refresh(): Promise<void> {
    const before = await this.shown();
    await this.#open("/refresh");
    const after = await this.shown();
    assert.notEqual(after.accessToken, before.accessToken);
    await this.call();
  }

  /** Returns whether the receipt says `enforced`. The issuer asks first, unless the app has given its tokens back before. */
  async signOut(): Promise<boolean> {
    const page = await this.#open("/logout");
    const [form] = page.forms;
    const button = form?.buttons.find(({ text }) => text === "Sign out");
    const back = form === undefined ? page : await this.#browser.submit(page, form, { button: button! });
    assert.equal(back.url.href, `${this.#baseUrl}/`, back.body);
    assert.deepEqual(await this.shown(), { name: null, accessToken: null });
    return back.trail.some((answer) => receiptOf(answer)?.state === "enforced");
  }

  /** An administrator ends the session, and no request of this browser says so to the app. */
  async isSignedOutElsewhere(): Promise<void> {
    const { accessToken } = await this.shown();
    const { sid: key } = claimsOf(accessToken!);
    await new Administrator(this.#world.stack.info).revoke({ scope: "session", key, reason: "kicked" });
    await until(async () => (await this.shown()).name === null, {
      what: "the app to be told of the sign-out",
    });
  }

  async shown(): Promise<Shown> {
    return json<Shown>(await this.#open("/")) as Shown;
  }

  readonly #isCallback = (url: URL): boolean =>
    url.origin === this.#callback.origin && url.pathname === this.#callback.pathname;

  async #open(path: string): Promise<Page> {
    return asSucceeded(await this.#browser.open(new URL(path, this.#baseUrl)));
  }
}

function asSucceeded(page: Page): Page {
  assert.equal(page.status, 200, `${page.url.href}: ${page.body}`);
  return page;
}

/**
 * The token that the app had a moment ago, at gateway and service. Issuer and app wait for a receipt, but not for ever: a verifier
 * that has stood still for seconds on a busy machine is given time, unless the receipt said that it has confirmed.
 */
export async function refusedAtOnce(
  { stack }: World,
  accessToken: string,
  isEnforced: boolean,
): Promise<void> {
  for (const url of Object.values(stack.ways())) {
    const ask = () => exchange(url, { headers: bearer(accessToken) });
    const isOver = async () => (await ask()).status !== 200;
    if (!isEnforced) await until(isOver, { what: `the token to be refused at ${url}` });
    assertRefused(await ask(), "logged_out");
  }
}
