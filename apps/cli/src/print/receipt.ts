import type { Receipt } from "@portcullis/protocol";
import { visible } from "./table.ts";
import { clockTime, duration } from "./times.ts";

/** How far a revocation has got, in a sentence or two. */
export function receiptText(receipt: Receipt, now: number): string {
  if (receipt.state === "enforced") return enforcedText(receipt);
  const late = laggardsText(receipt, now);
  if (receipt.state === "pending") return `Pending: ${late}`;
  return `Enforced by ${ofVerifiers(receipt)}, a quorum, after ${duration(receipt.elapsedMs)}. ${late}`;
}

/** Who is told of it besides, app by app; undefined where there is nobody. */
export function recipientsText({ recipients = [] }: Receipt): string | undefined {
  if (recipients.length === 0) return undefined;
  const lines = OUTCOMES.flatMap(([outcome, says]) => {
    const names = recipients.filter((line) => line.outcome === outcome).map(({ recipient }) => recipient);
    return names.length === 0 ? [] : [`${says}: ${names.map(visible).join(", ")}.`];
  });
  return lines.join(" ");
}

const OUTCOMES = [
  ["delivered", "Told"],
  ["pending", "To be told"],
  ["unavailable", "Could not be told (portcullis deliveries list)"],
  ["unsupported", "Not told, since they have no address for it any more"],
] as const;

function enforcedText(receipt: Receipt): string {
  const { acked, leased, elapsedMs } = receipt;
  if (leased === 0) return "Enforced: no verifier holds a lease, so none can allow it.";
  const done = `Enforced by ${ofVerifiers(receipt)} after ${duration(elapsedMs)}.`;
  const ended = leased - acked;
  if (ended <= 0) return done;
  return `${done} ${ended === 1 ? "The other one has no lease any more, so it allows" : `The other ${ended} have no lease any more, so they allow`} nothing.`;
}

function laggardsText(
  { laggards = [], waitingFor, unnamed = false, leased, enforcedBy }: Receipt,
  now: number,
): string {
  const names = (waitingFor?.map(whose) ?? laggards.map(visible)).join(", ");
  const [has, it] = laggards.length === 1 ? ["has", "It"] : ["have", "They"];
  const by = enforcedBy === undefined ? "" : `, until ${clockTime(enforcedBy, now)} at the latest`;
  if (laggards.length === 0) return `${unnamed ? UNREADABLE : UNSAID} A verifier may still allow it${by}.`;
  const others = unnamed ? " Others may hold a lease: the server cannot read the table of verifiers." : "";
  return `${laggards.length} of ${leased} ${has} not confirmed: ${names}. ${it} may still allow it${by}.${others}`;
}

const UNSAID = "the server cannot say yet who has not confirmed.";
const UNREADABLE = "the server cannot read the table of verifiers, and so not say who has not confirmed.";

/** A process gives itself its name; whose credential it has, and where it is, it does not. */
const whose = ({ name, clientId, address }: NonNullable<Receipt["waitingFor"]>[number]): string =>
  `${visible(name)} (client ${visible(clientId)}${address === undefined ? "" : `, ${visible(address)}`})`;

const ofVerifiers = ({ acked, leased }: Receipt): string =>
  `${acked} of ${leased} ${leased === 1 ? "verifier" : "verifiers"}`;
