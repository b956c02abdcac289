import { readFile } from "node:fs/promises";
import type { FastifyInstance } from "fastify";

const ASSETS: Readonly<Record<string, string>> = {
  "portcullis.css": "text/css; charset=utf-8",
  "portcullis.svg": "image/svg+xml",
  "lead-on-in-time.js": "text/javascript; charset=utf-8",
  "relative-times.js": "text/javascript; charset=utf-8",
  "send-form.js": "text/javascript; charset=utf-8",
};

/** The stylesheet, the icon and the scripts: read once, at start. */
export async function mountAssets(app: FastifyInstance): Promise<void> {
  for (const [name, type] of Object.entries(ASSETS)) {
    const bytes = await readFile(new URL(name, import.meta.url));
    app.get(`/assets/${name}`, (_request, reply) =>
      reply
        .header("cache-control", "public, max-age=3600")
        .header("x-content-type-options", "nosniff")
        .type(type)
        .send(bytes),
    );
  }
}
