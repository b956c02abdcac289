import express from "express";
import { auth, requiredScopes } from "express-oauth2-jwt-bearer";

const { ISSUER, AUDIENCE, BASE_URL } = process.env;
const app = express();
app.use(auth({ issuerBaseURL: ISSUER, audience: AUDIENCE, strict: true }));
app.get("/", requiredScopes("orders.read"), ({ auth: { payload } }, response) => {
  response.json({ subject: payload.sub });
});
const { hostname, port } = new URL(BASE_URL);
app.listen(Number(port), hostname);
