/**
 * What `--host` adds: TLS for others on the network. Browsers give cryptography and secure cookies to https alone, so
 * plain http would show a web app that cannot sign in.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { connect, isIP, type Socket } from "node:net";
import { join } from "node:path";
import {
  createServer,
  getCACertificates,
  type Server,
  setDefaultCACertificates,
  type TLSSocket,
} from "node:tls";
import { ensurePrograms } from "../debian-packages.ts";
import type { Addresses, FrontPort } from "./addresses.ts";
import { HOST } from "./addresses.ts";
import type { DataDirectory } from "./data-directory.ts";

export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

const DAYS = "365";

/** Made once a name, signed by itself, and kept in the data directory. Throws what openssl says when it cannot. */
export function certificateFor(host: string, data: DataDirectory): Certificate {
  const folder = data.pathOf("tls");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const certificateFile = join(folder, `${host}.pem`);
  const keyFile = join(folder, `${host}-key.pem`);
  if (!existsSync(certificateFile)) makeCertificate(host, { certificateFile, keyFile });
  return { certificateFile, keyFile };
}

function makeCertificate(host: string, { certificateFile, keyFile }: Certificate): void {
  ensurePrograms(["openssl"]);
  const name = isIP(host) === 0 ? `DNS:${host}` : `IP:${host}`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  // No authority: whoever trusts it must not trust what its key could sign for other names.
  const extensions = ["-addext", `subjectAltName=${name}`, "-addext", "basicConstraints=critical,CA:FALSE"];
  const subject = ["-subj", `/CN=${host}`, ...extensions];
  const command = ["req", "-x509", ...key, "-out", certificateFile, "-days", DAYS, ...subject];
  const { status, stderr } = spawnSync("openssl", command, { encoding: "utf8" });
  if (status !== 0) throw new Error(`No certificate could be made for ${host}: ${stderr.trim()}`);
}

/** For this process's own calls; the parts are told by NODE_EXTRA_CA_CERTS. */
export function trust({ certificateFile }: Certificate): void {
  setDefaultCACertificates([...getCACertificates("default"), readFileSync(certificateFile, "utf8")]);
}

/** Ends TLS before the parts, and tells those that ask for it (PROXY protocol) who calls. */
export class NetworkEntry {
  readonly #servers: readonly Server[];
  readonly #open = new Set<Socket>();

  static async open(addresses: Addresses, certificate: Certificate): Promise<NetworkEntry> {
    const entry = new NetworkEntry(addresses, certificate);
    await entry.#listen(addresses);
    return entry;
  }

  private constructor({ fronts }: Addresses, { certificateFile, keyFile }: Certificate) {
    const identity = { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
    this.#servers = fronts.map((front) => {
      const server = createServer({ ...identity, minVersion: "TLSv1.2" }, (socket) =>
        this.#pass(socket, front),
      );
      // A client that speaks no TLS, or does not trust the certificate.
      server.on("tlsClientError", (_error, socket) => socket.destroy());
      return server;
    });
  }

  async #listen({ host, fronts }: Addresses): Promise<void> {
    const interface_ = isIP(host) === 0 ? "0.0.0.0" : host;
    await Promise.all(
      this.#servers.map(
        (server, at) =>
          new Promise<void>((resolve, reject) => {
            server.once("error", reject);
            server.listen({ port: fronts[at]!.port, host: interface_ }, resolve);
          }),
      ),
    );
  }

  #pass(client: TLSSocket, { inner, tellsClient }: FrontPort): void {
    const part = connect({ port: inner, host: HOST });
    if (tellsClient) part.write(prefaceOf(client));
    client.pipe(part).pipe(client);
    for (const [one, other] of [
      [client, part],
      [part, client],
    ] as const) {
      this.#open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#open.delete(one);
        other.destroy();
      });
    }
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#open) socket.destroy();
    await Promise.all(closed);
  }
}

/** PROXY protocol, version 1. */
function prefaceOf({ remoteAddress, remotePort, localAddress, localPort }: TLSSocket): string {
  return `PROXY TCP4 ${remoteAddress} ${localAddress} ${remotePort} ${localPort}\r\n`;
}
