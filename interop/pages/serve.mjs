/** Serves one page as it is, the library that it imports, and what an operator is given for it. Nothing is bundled. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import express from "express";

const { ISSUER, CLIENT_ID, BASE_URL, ORDERS_URL, PAGE } = process.env;
const here = dirname(fileURLToPath(import.meta.url));

const app = express();
app.get("/settings.json", (_request, response) => {
  response.json({ issuer: ISSUER, clientId: CLIENT_ID, ordersUrl: ORDERS_URL });
});
app.use("/libraries", express.static(join(here, "../node_modules")));
app.use("/pages", express.static(here));
app.get("/", (_request, response) => response.sendFile(join(here, PAGE)));
const { hostname, port } = new URL(BASE_URL);
app.listen(Number(port), hostname);
