import passport from "passport";
import OpenIDConnectStrategy from "passport-openidconnect";
import {
  CLIENT_ID,
  CLIENT_SECRET,
  createApp,
  endSessionUrl,
  ISSUER,
  listen,
  REDIRECT_URI,
  SCOPE,
} from "./app.mjs";

passport.use(
  new OpenIDConnectStrategy(
    {
      issuer: ISSUER,
      authorizationURL: `${ISSUER}/authorize`,
      tokenURL: `${ISSUER}/token`,
      userInfoURL: `${ISSUER}/userinfo`,
      clientID: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      callbackURL: REDIRECT_URI,
      scope: SCOPE.replace("openid ", ""),
      nonce: true,
      skipUserProfile: false,
    },
    (_issuer, profile, _context, idToken, accessToken, _refreshToken, done) =>
      done(null, { name: profile.displayName, accessToken, idToken }),
  ),
);
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const app = createApp();
app.use(passport.session());
app.get("/login", passport.authenticate("openidconnect"));
app.get("/callback", passport.authenticate("openidconnect", { failWithError: true }), (_request, response) =>
  response.redirect("/"),
);
app.get("/logout", (request, response, next) => {
  const { idToken } = request.user;
  request.logout((error) => (error ? next(error) : response.redirect(endSessionUrl(idToken))));
});
listen(app, (request) => request.user);
