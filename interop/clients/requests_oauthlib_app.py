"""requests-oauthlib in a Flask app, as its documentation has it. It knows OAuth 2.0, and nothing of ID tokens."""

import os
from secrets import token_urlsafe
from urllib.parse import urlencode, urlsplit

from flask import Flask, jsonify, redirect, request, session
from requests_oauthlib import OAuth2Session

ISSUER = os.environ["ISSUER"]
BASE_URL = os.environ["BASE_URL"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
SCOPE = ["openid", "profile", "email", "orders.read"]

# Neither issuer nor app of this trial has TLS.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

app = Flask(__name__)
app.secret_key = "a secret of this app"

# A cookie has no room for tokens.
attempts = {}
signed_in = {}


def held():
    return signed_in.get(session.get("id"))


@app.get("/")
def home():
    if held() is None:
        return jsonify(name=None, accessToken=None)
    return jsonify(name=held()["name"], accessToken=held()["token"]["access_token"])


@app.get("/login")
def login():
    oauth = OAuth2Session(
        CLIENT_ID, scope=SCOPE, redirect_uri=f"{BASE_URL}/callback", pkce="S256"
    )
    url, state = oauth.authorization_url(f"{ISSUER}/authorize")
    attempts[state] = oauth
    session["state"] = state
    return redirect(url)


@app.get("/callback")
def callback():
    oauth = attempts.pop(session.pop("state"))
    token = oauth.fetch_token(
        f"{ISSUER}/token",
        client_secret=CLIENT_SECRET,
        authorization_response=request.url,
    )
    user = oauth.get(f"{ISSUER}/userinfo").json()
    session["id"] = token_urlsafe()
    signed_in[session["id"]] = {"token": token, "name": user["name"]}
    return redirect("/")


@app.get("/call")
def call():
    oauth = OAuth2Session(CLIENT_ID, token=held()["token"])
    return jsonify(status=oauth.get(os.environ["ORDERS_URL"]).status_code)


@app.get("/refresh")
def refresh():
    oauth = OAuth2Session(CLIENT_ID, token=held()["token"])
    held()["token"] = oauth.refresh_token(f"{ISSUER}/token", auth=(CLIENT_ID, CLIENT_SECRET))
    return redirect("/")


@app.get("/logout")
def logout():
    token = signed_in.pop(session.pop("id"))["token"]
    query = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": f"{BASE_URL}/"}
    return redirect(f"{ISSUER}/logout?{urlencode(query)}")


address = urlsplit(BASE_URL)
app.run(host=address.hostname, port=address.port)
