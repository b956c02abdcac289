import type { BrowserContext, CDPSession, Page } from "playwright-core";

/** Of requests, navigations among them: two of five are not delayed. */
const MAX_DELAY_MS = 1_500;
const CHANCE_OF_NONE = 0.4;
/** Pages compute so many times more slowly. */
const CPU_RATE = 2;

/**
 * Returns what holds back, by chance, whatever the pages of a context ask for. Which tests and pages count on an order that is only
 * usual shows then: `PORTCULLIS_SLOW_BROWSER=SEED npm test -- web-app`.
 */
export function slowDown(seed: number): (context: BrowserContext) => void {
  const random = randomOf(seed);
  return (context) => {
    const newPage = context.newPage.bind(context);
    // Waited for: its first navigation is held back as well. A popup may be faster than this.
    context.newPage = async () => {
      const page = await newPage();
      await slowDownPage(page, random);
      return page;
    };
    context.on("page", (page) => {
      page.opener().then((opener) => (opener === null ? undefined : slowDownPage(page, random)), ignore);
    });
  };
}

async function slowDownPage(page: Page, random: () => number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  session.on("Fetch.requestPaused", ({ requestId }) => {
    const delayMs = random() < CHANCE_OF_NONE ? 0 : random() * MAX_DELAY_MS;
    setTimeout(letGo, delayMs, session, requestId);
  });
  await session.send("Fetch.enable", { patterns: [{ urlPattern: "*" }] });
  await session.send("Emulation.setCPUThrottlingRate", { rate: CPU_RATE });
}

/** The page may be gone meanwhile. */
const letGo = (session: CDPSession, requestId: string): void =>
  void session.send("Fetch.continueRequest", { requestId }).catch(ignore);

const ignore = (): void => {};

/** The same numbers for the same seed (Lehmer's generator). */
function randomOf(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
