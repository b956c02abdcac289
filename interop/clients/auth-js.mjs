import { ExpressAuth, getSession } from "@auth/express";
import {
  BASE_URL,
  CLIENT_ID,
  CLIENT_SECRET,
  createApp,
  endSessionUrl,
  ISSUER,
  listen,
  SCOPE,
} from "./app.mjs";

const config = {
  secret: "a secret of this app that is long enough",
  trustHost: true,
  providers: [
    {
      id: "portcullis",
      name: "Portcullis",
      type: "oidc",
      issuer: ISSUER,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      authorization: { params: { scope: SCOPE } },
      checks: ["pkce", "state"],
    },
  ],
  callbacks: {
    // As its guide "Refresh Token Rotation" has it.
    async jwt({ token, account, trigger }) {
      if (account)
        return {
          ...token,
          accessToken: account.access_token,
          refreshToken: account.refresh_token,
          idToken: account.id_token,
        };
      return trigger === "update" ? refreshed(token) : token;
    },
    session: ({ session, token }) => ({ ...session, accessToken: token.accessToken, idToken: token.idToken }),
  },
};

async function refreshed(token) {
  const answer = await fetch(`${ISSUER}/token`, {
    method: "POST",
    body: new URLSearchParams({
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      grant_type: "refresh_token",
      refresh_token: token.refreshToken,
    }),
  });
  const tokens = await answer.json();
  if (!answer.ok) throw new Error(JSON.stringify(tokens));
  return { ...token, accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
}

const app = createApp();
app.set("trust proxy", true);
// It reads the first group of the path, which Express 5 has for patterns alone.
app.use(/^\/auth\/(.*)/, ExpressAuth(config));
app.get("/login", (_request, response) => response.redirect("/auth/signin?callbackUrl=/"));
// As `update()` of its client for React does it.
app.get("/refresh", async ({ headers: { cookie } }, response) => {
  const csrf = await fetch(`${BASE_URL}/auth/csrf`, { headers: { cookie } });
  const { csrfToken } = await csrf.json();
  const answer = await fetch(`${BASE_URL}/auth/session`, {
    method: "POST",
    headers: { cookie, "content-type": "application/json" },
    body: JSON.stringify({ csrfToken, data: {} }),
  });
  for (const set of answer.headers.getSetCookie()) response.append("set-cookie", set);
  response.redirect("/");
});
app.get("/logout", async (request, response) => {
  const { idToken } = await getSession(request, config);
  response.clearCookie("authjs.session-token").redirect(endSessionUrl(idToken));
});
listen(app, async (request) => {
  const session = await getSession(request, config);
  return session === null ? undefined : { name: session.user.name, accessToken: session.accessToken };
});
