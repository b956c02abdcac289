/**
 * The hops that a forwarding header names, from the right: what the nearest proxy wrote comes first. An undefined hop is
 * one that cannot be told. Read backwards and only as far as asked, so that nothing a client puts in front, such as a quote
 * that it leaves open, changes how the proxy's own element is read.
 */
import { parseAddress } from "./address.ts";

export type Hops = Iterable<string | undefined>;

export function* xForwardedForHops(value: string): Hops {
  for (const element of elementsFromRight(value, commaBefore)) yield addressOfNode(element);
}

export function* forwardedHops(value: string): Hops {
  for (const element of elementsFromRight(value, unquotedCommaBefore)) yield addressOfElement(element);
}

function* elementsFromRight(value: string, before: (text: string, end: number) => number): Iterable<string> {
  for (let end = value.length; end >= 0; ) {
    const comma = before(value, end);
    const element = value.slice(comma + 1, end).trim();
    // RFC 9110, section 5.6.1: empty elements of a list are skipped.
    if (element !== "") yield element;
    end = comma;
  }
}

const commaBefore = (text: string, end: number): number => (end === 0 ? -1 : text.lastIndexOf(",", end - 1));

/** A quote that has no partner to its left takes all of the rest, which then is no element. */
function unquotedCommaBefore(text: string, end: number): number {
  for (let at = end - 1; at >= 0; at--) {
    if (text[at] === ",") return at;
    if (text[at] === '"') at = quoteBefore(text, at);
  }
  return -1;
}

function quoteBefore(text: string, end: number): number {
  for (let at = end - 1; at >= 0; at--) {
    if (text[at] === '"' && !isEscaped(text, at)) return at;
  }
  return -1;
}

function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text[from - 1] === "\\") from--;
  return (at - from) % 2 === 1;
}

/** RFC 7239, section 4; tokens and quoted strings as in RFC 9110, section 5.6. */
const PAIR = /\s*([!#$%&'*+\-.^_`|~\w]+)=(?:([!#$%&'*+\-.^_`|~\w]+)|"((?:[^"\\]|\\[\s\S])*)")\s*(?:;|$)/y;

function addressOfElement(element: string): string | undefined {
  let node: string | undefined;
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < element.length) {
    const pair = PAIR.exec(element);
    if (pair === null) return undefined;
    if (pair[1]!.toLowerCase() !== "for") continue;
    if (node !== undefined) return undefined;
    node = pair[2] ?? pair[3]!.replace(/\\([\s\S])/g, "$1");
  }
  return node === undefined ? undefined : addressOfNode(node);
}

/** An address, with a port or without; IPv6 in brackets when there is one. */
const NODE = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(?:\d{1,5}|_[\w.-]+))?$/;

function addressOfNode(node: string): string | undefined {
  const match = NODE.exec(node);
  return parseAddress(match?.[1] ?? match?.[2] ?? node);
}
