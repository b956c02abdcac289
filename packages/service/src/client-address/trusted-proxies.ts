import { z } from "zod";
import { problemOfNetwork } from "./networks.ts";

const network = z.string().check((context) => {
  const problem = problemOfNetwork(context.value);
  if (problem !== undefined) context.issues.push({ code: "custom", message: problem, input: context.value });
});

/** The operator has to say which header the proxy writes: one that it does not write, it passes on from the client. */
export const trustedProxiesSchema = z
  .strictObject({
    addresses: z
      .array(network)
      .min(1)
      .describe("Addresses and networks of the proxies. No other address is believed."),
    header: z
      .enum(["forwarded", "x-forwarded-for"])
      .optional()
      .describe("The header in which they pass on the client's address. They must write it themselves."),
    proxyProtocol: z
      .boolean()
      .default(false)
      .describe(
        "Whether they begin each connection with the PROXY protocol (version 1 or 2). If `true`, they must.",
      ),
  })
  .refine(({ header, proxyProtocol }) => header !== undefined || proxyProtocol, {
    message: "say how they name the client: header, proxyProtocol: true, or both",
  });

export type TrustedProxies = z.output<typeof trustedProxiesSchema>;
