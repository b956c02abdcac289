import type { IncomingMessage } from "node:http";
import { Transform, type TransformCallback } from "node:stream";
import { gatewayError } from "../../errors.ts";

/**
 * The request's body on its way to the service. It stands between the two, since whoever reads a body may
 * destroy it, and destroying the request itself would cut the client off before it got an answer. Counts,
 * since a chunked body does not say beforehand how long it is.
 */
export class RequestBody extends Transform {
  #left: number;

  constructor(request: IncomingMessage, maxBytes: number) {
    super();
    this.#left = maxBytes;
    // The service may have answered already: nobody reads this body then, and nobody else hears that its client has gone.
    this.on("error", () => {});
    request.on("error", (error) => this.destroy(error));
    request.pipe(this);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left < 0) callback(gatewayError("body_too_large"));
    else callback(null, chunk);
  }
}
