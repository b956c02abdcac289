import fastifyJwt from "@fastify/jwt";
import fastify from "fastify";
import buildGetJwks from "get-jwks";

const { ISSUER, AUDIENCE, BASE_URL } = process.env;
const app = fastify();
const getJwks = buildGetJwks({ issuersWhitelist: [ISSUER], providerDiscovery: true });
await app.register(fastifyJwt, {
  decode: { complete: true },
  secret: (_request, { header: { kid, alg }, payload: { iss } }) =>
    getJwks.getPublicKey({ kid, domain: iss, alg }),
  verify: { allowedIss: ISSUER, allowedAud: AUDIENCE, checkTyp: "at+jwt" },
});
app.addHook("onRequest", (request) => request.jwtVerify());
app.get("/", ({ user }) => ({ subject: user.sub }));
const { hostname, port } = new URL(BASE_URL);
await app.listen({ port: Number(port), host: hostname });
