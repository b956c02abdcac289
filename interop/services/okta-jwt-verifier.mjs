import OktaJwtVerifier from "@okta/jwt-verifier";
import express from "express";

const { ISSUER, AUDIENCE, BASE_URL } = process.env;
const verifier = new OktaJwtVerifier({
  issuer: ISSUER,
  jwksUri: `${ISSUER}/jwks`,
  // The issuer of this trial has no TLS.
  testing: { disableHttpsCheck: true },
});
const app = express();
app.get("/", async ({ headers: { authorization = "" } }, response) => {
  try {
    const { claims } = await verifier.verifyAccessToken(authorization.replace("Bearer ", ""), AUDIENCE);
    response.json({ subject: claims.sub });
  } catch (error) {
    response.status(401).json({ error: error.message });
  }
});
const { hostname, port } = new URL(BASE_URL);
app.listen(Number(port), hostname);
