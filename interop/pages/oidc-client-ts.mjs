import { UserManager } from "oidc-client-ts";
import { call, clientId, HERE, issuer, onClick, SCOPE, show } from "./page.mjs";

const manager = new UserManager({
  authority: issuer,
  client_id: clientId,
  redirect_uri: HERE,
  post_logout_redirect_uri: HERE,
  scope: SCOPE,
});

let user = null;
const showUser = (signedIn) => {
  user = signedIn;
  show("name", user?.profile.name ?? "nobody");
  window.accessToken = user?.access_token;
};
manager.events.addUserLoaded(showUser);

onClick("sign-in", () => manager.signinRedirect());
onClick("popup", () => manager.signinPopup());
onClick("call", () => call(user.access_token));
onClick("sign-out", () => manager.signoutRedirect());

if (new URL(location.href).searchParams.has("code")) {
  await manager.signinCallback();
  history.replaceState(null, "", HERE);
}
showUser(await manager.getUser());
