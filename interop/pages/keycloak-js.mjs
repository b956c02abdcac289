import Keycloak from "keycloak-js";
import { call, clientId, HERE, issuer, onClick, SCOPE, show } from "./page.mjs";

const keycloak = new Keycloak({ clientId, oidcProvider: issuer });
await keycloak.init({ checkLoginIframe: false, redirectUri: HERE });

const showUser = () => {
  show("name", keycloak.authenticated ? keycloak.idTokenParsed.name : "nobody");
  window.accessToken = keycloak.token;
};
onClick("sign-in", () => keycloak.login({ scope: SCOPE }));
onClick("call", () => call(keycloak.token));
onClick("renew", () => keycloak.login({ scope: SCOPE, prompt: "none" }));
onClick("sign-out", () => keycloak.logout());
showUser();
