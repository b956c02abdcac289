/** It has no secret: it signs an assertion with a key whose public half it publishes. */
import { exportJWK, generateKeyPair } from "jose";
import * as client from "openid-client-6";
import { CLIENT_ID, createApp, ISSUER } from "./app.mjs";
import { serve } from "./openid-client-6-app.mjs";

const kid = "of this app";
const { privateKey: key, publicKey } = await generateKeyPair("ES256");
const jwk = { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" };
const app = createApp();
app.get("/jwks.json", (_request, response) => response.json({ keys: [jwk] }));

// The issuer of this trial has no TLS.
const execute = [client.allowInsecureRequests];
const authentication = client.PrivateKeyJwt({ key, kid });
serve(await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, authentication, { execute }), app);
