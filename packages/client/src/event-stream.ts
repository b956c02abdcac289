/** Server-sent events (WHATWG HTML, section 9.2.6), as far as this client needs them: names and data. */
export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** An event is some hundred characters. What is longer is none of ours, and is not kept in the memory of the page. */
const MAX_EVENT_CHARACTERS = 65_536;

/** Gives the events as they come; ends when the stream does. `onBytes` is called for whatever comes, comments too. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      onBytes();
      text += decoder.decode(read.value, { stream: true }).replace(/\r\n?/g, "\n");
      if (text.length > MAX_EVENT_CHARACTERS) return;
      const blocks = text.split("\n\n");
      text = blocks.pop()!;
      yield* blocks.map(eventOf);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function eventOf(block: string): ServerEvent {
  const fields = block.split("\n").map((line) => /^([^:]*)(?:: ?(.*))?$/s.exec(line)!);
  const valuesOf = (name: string) =>
    fields.filter((field) => field[1] === name).map((field) => field[2] ?? "");
  return { name: valuesOf("event").at(-1) ?? "message", data: valuesOf("data").join("\n") };
}
