import express from "express";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ISSUER: issuer, AUDIENCE: audience, BASE_URL } = process.env;
const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
const app = express();
app.get("/", async ({ headers: { authorization = "" } }, response) => {
  try {
    const token = authorization.replace("Bearer ", "");
    const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: "at+jwt" });
    response.json({ subject: payload.sub });
  } catch (error) {
    response.status(401).json({ error: error.code });
  }
});
const { hostname, port } = new URL(BASE_URL);
app.listen(Number(port), hostname);
