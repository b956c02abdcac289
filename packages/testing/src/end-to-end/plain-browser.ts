import { type Exchange, type ExchangeOptions, exchange } from "./exchange.ts";
import { type Form, formsOf, refreshOf } from "./html.ts";

export interface Page extends Exchange {
  readonly url: URL;
  readonly forms: readonly Form[];
  /** Every answer on the way here, redirects included, this page's last. */
  readonly trail: readonly Exchange[];
}

const MAX_REDIRECTS = 20;

/**
 * A browser without JavaScript: cookies, redirects and forms. One of these is one device of a user. Chromium is the
 * judge of the pages; this is for tests that need many devices, and it shows that the pages need no script.
 */
export class PlainBrowser {
  /** Origin of the server that answers whatever is asked for, as a load balancer would have it. */
  via: string | undefined;
  /** Sent with every request: its `User-Agent`, or what a proxy in front of the server adds. */
  headers: Readonly<Record<string, string>> = {};
  /** By name and path: two interactions at once have cookies of one name under two paths. */
  readonly #cookies = new Map<string, { name: string; path: string; value: string }>();

  /** Follows redirects, and stops in front of the first address for which `isEnd` holds: it is not fetched. */
  async open(url: string | URL, isEnd: (url: URL) => boolean = () => false): Promise<Page> {
    return this.#navigate(new URL(url), {}, isEnd);
  }

  /** Submits a form as a click on one of its buttons would. */
  async submit(page: Page, form: Form, input: Submission = {}): Promise<Page> {
    const values = new URLSearchParams({ ...form.fields, ...input.fill });
    const pressed = input.button ?? form.buttons[0];
    if (pressed?.name !== undefined) values.set(pressed.name, pressed.value);
    for (const [name, value] of input.ticked ?? []) values.append(name, value);
    const target = new URL(form.action, page.url);
    const isEnd = input.isEnd ?? (() => false);
    if (form.method === "POST") {
      const headers = { origin: page.url.origin, referer: page.url.href };
      return this.#navigate(target, { method: "POST", body: values, headers }, isEnd);
    }
    target.search = values.toString();
    return this.#navigate(target, {}, isEnd);
  }

  /** One request with this browser's cookies and without following anything. */
  async request(url: string | URL, options: ExchangeOptions = {}): Promise<Exchange> {
    const target = new URL(url);
    const cookie = this.#cookiesFor(target);
    const answer = await exchange(this.#answering(target), {
      ...options,
      headers: { accept: "text/html", ...this.headers, ...options.headers, ...(cookie !== "" && { cookie }) },
    });
    this.#remember(answer.headers["set-cookie"] ?? []);
    return answer;
  }

  async #navigate(first: URL, options: ExchangeOptions, isEnd: (url: URL) => boolean): Promise<Page> {
    let url = first;
    let answer = await this.request(url, options);
    const trail = [answer];
    for (let hops = 0, next = nextOf(answer); next !== undefined; hops++, next = nextOf(answer)) {
      if (hops > MAX_REDIRECTS) throw new Error(`redirects without end at ${url.href}`);
      url = new URL(next, url);
      if (isEnd(url)) break;
      answer = await this.request(url);
      trail.push(answer);
    }
    return { ...answer, url, forms: formsOf(answer.body), trail };
  }

  /** Another tab's requests that were under way: with the cookies as they are now, whatever the others are told. */
  copy(): PlainBrowser {
    const copy = new PlainBrowser();
    copy.via = this.via;
    for (const [slot, cookie] of this.#cookies) copy.#cookies.set(slot, cookie);
    return copy;
  }

  #answering(target: URL): URL {
    return this.via === undefined ? target : new URL(target.pathname + target.search, this.via);
  }

  #cookiesFor(url: URL): string {
    const sent = [...this.#cookies.values()].filter(({ path }) => url.pathname.startsWith(path));
    return sent.map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  #remember(headers: readonly string[]): void {
    for (const header of headers) {
      const [pair = "", ...attributes] = header.split(";").map((part) => part.trim());
      const equals = pair.indexOf("=");
      const name = pair.slice(0, equals);
      const value = pair.slice(equals + 1);
      const path = attributeOf(attributes, "path") ?? "/";
      const slot = `${name};${path}`;
      if (isExpired(attributes) || value === "") this.#cookies.delete(slot);
      else this.#cookies.set(slot, { name, path, value });
    }
  }
}

export interface Submission {
  readonly fill?: Readonly<Record<string, string>>;
  readonly button?: Form["buttons"][number];
  /** Boxes, of which one name may have several. */
  readonly ticked?: readonly (readonly [name: string, value: string])[];
  readonly isEnd?: (url: URL) => boolean;
}

/** Where a redirect leads, or a page that leads on by itself. */
const nextOf = ({ status, headers, body }: Exchange): string | undefined =>
  status >= 300 && status < 400 ? headers.location : refreshOf(body);

function attributeOf(attributes: readonly string[], name: string): string | undefined {
  const found = attributes.find((attribute) => attribute.toLowerCase().startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

function isExpired(attributes: readonly string[]): boolean {
  const maxAge = attributeOf(attributes, "max-age");
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = attributeOf(attributes, "expires");
  return expires !== undefined && Date.parse(expires) <= Date.now();
}
