import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import { genericOAuth } from "better-auth/plugins";
import { BASE_URL, CLIENT_ID, CLIENT_SECRET, createApp, ISSUER, listen, SCOPE } from "./app.mjs";

const auth = betterAuth({
  baseURL: BASE_URL,
  secret: "a secret of this app that is long enough",
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  plugins: [
    genericOAuth({
      config: [
        {
          providerId: "portcullis",
          discoveryUrl: `${ISSUER}/.well-known/openid-configuration`,
          clientId: CLIENT_ID,
          clientSecret: CLIENT_SECRET,
          scopes: SCOPE.split(" "),
        },
      ],
    }),
  ],
});

const headersOf = (request) => fromNodeHeaders(request.headers);
async function accountOf(headers) {
  const [{ id: accountId }] = await auth.api.listUserAccounts({ headers });
  return { accountId };
}

const app = createApp();
app.all("/api/auth/{*splat}", toNodeHandler(auth));
app.get("/login", async (_request, response) => {
  const answer = await auth.api.signInSocial({
    body: { provider: "portcullis", callbackURL: "/" },
    asResponse: true,
  });
  for (const cookie of answer.headers.getSetCookie()) response.append("set-cookie", cookie);
  response.redirect((await answer.json()).url);
});
app.get("/refresh", async (request, response) => {
  const headers = headersOf(request);
  await auth.api.refreshToken({ body: await accountOf(headers), headers });
  response.redirect("/");
});
app.get("/logout", async (request, response) => {
  const answer = await auth.api.signOut({
    body: { callbackURL: `${BASE_URL}/` },
    headers: headersOf(request),
    asResponse: true,
  });
  for (const cookie of answer.headers.getSetCookie()) response.append("set-cookie", cookie);
  response.redirect((await answer.json()).url);
});
listen(app, async (request) => {
  const headers = headersOf(request);
  const session = await auth.api.getSession({ headers });
  if (session === null) return undefined;
  const { accessToken } = await auth.api.getAccessToken({ body: await accountOf(headers), headers });
  return { name: session.user.name, accessToken };
});
