/** As much HTML as a form needs. The pages under test are ours, and Chromium reads them in the tests beside these. */
export interface Form {
  readonly action: string;
  readonly method: "GET" | "POST";
  /** Named controls with their initial values, submit buttons excluded. */
  readonly fields: Readonly<Record<string, string>>;
  readonly hasPassword: boolean;
  readonly buttons: readonly {
    readonly name: string | undefined;
    readonly value: string;
    readonly text: string;
  }[];
}

const NAMED_ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return NAMED_ENTITIES[name] ?? whole;
  });
}

export function formsOf(html: string): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, head, inner]) =>
    readForm(head!, inner!),
  );
}

/** Where `<meta http-equiv="refresh">` leads, spelled as our pages spell it. */
export function refreshOf(html: string): string | undefined {
  const [, url] = /<meta http-equiv="refresh" content="0; url=([^"]*)">/.exec(html) ?? [];
  return url === undefined ? undefined : decodeEntities(url);
}

function readForm(head: string, inner: string): Form {
  const form = attributesOf(head);
  const inputs = [...inner.matchAll(/<input\b([^>]*)>/gis)].map(([, text]) => attributesOf(text!));
  const isSubmit = (input: Record<string, string>) => input.type === "submit" || input.type === "image";
  const controls = inputs.filter((input) => input.name !== undefined && !isSubmit(input) && isSent(input));
  const buttons = [...inner.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gis)].map(([, text, label]) => {
    const { name, value = "" } = attributesOf(text!);
    return { name, value, text: decodeEntities(label!.replace(/<[^>]*>/g, "")).trim() };
  });
  const submits = inputs.filter(isSubmit).map(({ name, value = "" }) => ({ name, value, text: value }));
  return {
    action: form.action ?? "",
    method: form.method?.toUpperCase() === "POST" ? "POST" : "GET",
    fields: Object.fromEntries(controls.map((input) => [input.name, input.value ?? ""])),
    hasPassword: inputs.some((input) => input.type === "password"),
    buttons: [...buttons, ...submits],
  };
}

function isSent(input: Record<string, string>): boolean {
  return (input.type !== "checkbox" && input.type !== "radio") || "checked" in input;
}

function attributesOf(text: string): Record<string, string> {
  const attributes = text.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g);
  return Object.fromEntries(
    [...attributes].map(([, name, double, single, bare]) => [
      name!.toLowerCase(),
      decodeEntities(double ?? single ?? bare ?? ""),
    ]),
  );
}
