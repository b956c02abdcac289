import * as client from "openid-client-6";
import { CLIENT_ID, CLIENT_SECRET, ISSUER } from "./app.mjs";
import { serve } from "./openid-client-6-app.mjs";

// The issuer of this trial has no TLS.
const execute = [client.allowInsecureRequests];
serve(await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, { execute }));
