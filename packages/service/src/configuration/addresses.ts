import { z } from "zod";
import type { ManagementAddress } from "../management/open-management.ts";
import type { Address } from "../sockets/listen.ts";

const port = z.int().min(0).max(65_535);
const LOOPBACK = "127.0.0.1";

/** The schema of where a process listens for its clients. */
export const listenSchema = z.strictObject({
  host: z.string().min(1).default(LOOPBACK).describe("Address to listen on."),
  port: port.describe("TCP port. 0 takes a free one."),
});

/** Returns the schema of where a process listens for operators. */
export const managementSchema = (defaultPort: number) =>
  z
    .strictObject({
      host: z
        .string()
        .min(1)
        .default(LOOPBACK)
        .describe("Address to listen on. It asks for no login: keep it off public networks."),
      port: port
        .optional()
        .describe(
          `TCP port. 0 takes a free one. Default: ${defaultPort}, or a free one while that is taken.`,
        ),
    })
    .prefault({});

/** Returns the address with the port that is taken when none was written. */
export const resolveManagement = (
  written: { readonly host: string; readonly port?: number | undefined },
  defaultPort: number,
): ManagementAddress => ({
  host: written.host,
  port: written.port ?? defaultPort,
  isChosen: written.port !== undefined,
});

/** Returns what is wrong if both would be one port: the management listener asks nobody who they are. */
export function samePort(listen: Address, management: { readonly port?: number | undefined }) {
  if (management.port === undefined || management.port !== listen.port || listen.port === 0) return [];
  return [
    { path: ["management", "port"], message: `found ${listen.port}, the port of listen; take another` },
  ];
}
