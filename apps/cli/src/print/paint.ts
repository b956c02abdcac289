import { styleText } from "node:util";
import type { Io } from "../io.ts";

type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Colour only for a person at a terminal who has not said no (https://no-color.org). */
export function paintFor(io: Pick<Io, "isTerminal" | "env">, wanted: boolean): Paint {
  const isPlain = !wanted || !io.isTerminal || Boolean(io.env.NO_COLOR);
  return (style, text) => (isPlain ? text : styleText(style, text, { validateStream: false }));
}
