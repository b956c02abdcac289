import assert from "node:assert/strict";
import { join } from "node:path";
import type { Page } from "playwright-core";

export const VIEWPORTS = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
} as const;

const CONTROLS =
  'a[href], button:not([disabled]), input:not([type="hidden"]):not([disabled]), select, summary, [tabindex="0"]';

/** Every page: a language, a title, one main heading, nothing wider than the window, every control named and reached. */
export async function assertPageIsSound(page: Page): Promise<void> {
  assert.match(await page.title(), /\S/, "a title");
  assert.equal(await page.locator("html[lang]").count(), 1, "a language");
  assert.equal(await page.locator("h1:visible").count(), 1, "one main heading");
  await assertFits(page);
  await assertNamed(page);
  await assertReachableByKeyboard(page);
}

async function assertFits(page: Page): Promise<void> {
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(content <= window, `${page.url()}: ${content} px of content in a window of ${window} px`);
}

async function assertNamed(page: Page): Promise<void> {
  const nameless = await page.locator(CONTROLS).evaluateAll((elements) =>
    elements
      .filter((element) => element.checkVisibility())
      .filter((element) => {
        const labels = (element as HTMLInputElement).labels;
        const text = [element.textContent, element.getAttribute("aria-label"), labels?.[0]?.textContent];
        return !text.some((name) => (name ?? "").trim() !== "");
      })
      .map((element) => element.outerHTML),
  );
  assert.deepEqual(nameless, [], "every control has a name");
}

/** Tab visits every visible control, and shows where it is. */
async function assertReachableByKeyboard(page: Page): Promise<void> {
  const total = await page.locator(CONTROLS).evaluateAll((elements) => {
    const visible = elements.filter((element) => element.checkVisibility());
    for (const [at, element] of visible.entries()) element.setAttribute("data-control", String(at));
    return visible.length;
  });
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  const reached = new Set<string>();
  for (let presses = 0; presses < total * 2 + 2 && reached.size < total; presses++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const style = element === null ? undefined : getComputedStyle(element);
      const outlined = style !== undefined && (style.outlineStyle !== "none" || style.boxShadow !== "none");
      return {
        control: element?.getAttribute("data-control") ?? undefined,
        outlined,
        html: element?.outerHTML,
      };
    });
    if (focused.control === undefined) continue;
    reached.add(focused.control);
    assert.ok(focused.outlined, `focus is visible on ${focused.html}`);
  }
  assert.equal(reached.size, total, `Tab reached ${reached.size} of ${total} controls on ${page.url()}`);
}

/** For people to look at: `PORTCULLIS_SCREENSHOTS=folder npm test -- pages`. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.PORTCULLIS_SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
