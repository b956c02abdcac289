import connect from "express-openid-connect";
import { BASE_URL, CLIENT_ID, CLIENT_SECRET, createApp, ISSUER, listen, SCOPE } from "./app.mjs";

const app = createApp();
app.use(
  connect.auth({
    issuerBaseURL: ISSUER,
    baseURL: BASE_URL,
    clientID: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    secret: "a secret of this app that is long enough",
    authRequired: false,
    idpLogout: true,
    authorizationParams: { response_type: "code", scope: SCOPE },
  }),
);
app.get("/refresh", async (request, response) => {
  await request.oidc.accessToken.refresh();
  response.redirect("/");
});
listen(app, ({ oidc }) =>
  oidc.isAuthenticated() ? { name: oidc.user.name, accessToken: oidc.accessToken.access_token } : undefined,
);
