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

/** Each press is some trips to the browser: of a page with hundreds of controls, the rest is focused by script. */
const MAX_CONTROLS_WALKED = 40;

/** Tab visits every visible control, and shows where it is. */
async function assertReachableByKeyboard(page: Page): Promise<void> {
  const total = await page.locator(CONTROLS).evaluateAll((elements) => {
    // Of radio buttons of one name Tab visits the one that is chosen; arrow keys lead to the others.
    const isOther = (element: Element) => element.matches('input[type="radio"]:not(:checked)');
    const visible = elements.filter((element) => element.checkVisibility() && !isOther(element));
    for (const [at, element] of visible.entries()) element.setAttribute("data-control", String(at));
    return visible.length;
  });
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  const walked = Math.min(total, MAX_CONTROLS_WALKED);
  const reached = new Set<string>();
  for (let presses = 0; presses < walked * 2 + 2 && reached.size < walked; presses++) {
    await page.keyboard.press("Tab");
    const { control, isOutlined, html } = await focusedControl(page);
    if (control === undefined) continue;
    reached.add(control);
    assert.ok(isOutlined, `focus is visible on ${html}`);
  }
  assert.equal(reached.size, walked, `Tab reached ${reached.size} of ${walked} controls on ${page.url()}`);
  assert.deepEqual(await controlsBeyondTab(page), [], `Tab goes past, or shows no focus, on ${page.url()}`);
}

const focusedControl = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const style = element === null ? undefined : getComputedStyle(element);
    return {
      control: element?.getAttribute("data-control") ?? undefined,
      isOutlined: style !== undefined && (style.outlineStyle !== "none" || style.boxShadow !== "none"),
      html: element?.outerHTML,
    };
  });

/** After a press of Tab, the browser shows focus that a script gives as it shows that of the keyboard. */
const controlsBeyondTab = (page: Page): Promise<string[]> =>
  page.locator("[data-control]").evaluateAll((elements) =>
    (elements as HTMLElement[])
      .filter((element) => {
        element.focus();
        const { outlineStyle, boxShadow } = getComputedStyle(element);
        const isOutlined = outlineStyle !== "none" || boxShadow !== "none";
        return element.tabIndex < 0 || document.activeElement !== element || !isOutlined;
      })
      .map((element) => element.outerHTML),
  );

/** For people to look at: `PORTCULLIS_SCREENSHOTS=folder npm test -- pages`. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.PORTCULLIS_SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
