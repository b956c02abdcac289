"""Authlib in a Flask app, as its documentation has it."""

import os
from secrets import token_urlsafe
from urllib.parse import urlencode, urlsplit

import requests
from authlib.integrations.flask_client import OAuth
from flask import Flask, jsonify, redirect, session

ISSUER = os.environ["ISSUER"]
BASE_URL = os.environ["BASE_URL"]

app = Flask(__name__)
app.secret_key = "a secret of this app"
oauth = OAuth(app)
oauth.register(
    "portcullis",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid profile email orders.read",
        "code_challenge_method": "S256",
    },
)

# A cookie has no room for tokens.
signed_in = {}


def tokens():
    return signed_in.get(session.get("id"))


@app.get("/")
def home():
    held = tokens()
    if held is None:
        return jsonify(name=None, accessToken=None)
    return jsonify(name=held["userinfo"]["name"], accessToken=held["access_token"])


@app.get("/login")
def login():
    return oauth.portcullis.authorize_redirect(f"{BASE_URL}/callback")


@app.get("/callback")
def callback():
    session["id"] = token_urlsafe()
    signed_in[session["id"]] = oauth.portcullis.authorize_access_token()
    return redirect("/")


@app.get("/call")
def call():
    headers = {"Authorization": f"Bearer {tokens()['access_token']}"}
    answer = requests.get(os.environ["ORDERS_URL"], headers=headers, timeout=10)
    return jsonify(status=answer.status_code)


@app.get("/refresh")
def refresh():
    held = tokens()
    renewed = oauth.portcullis.fetch_access_token(
        grant_type="refresh_token", refresh_token=held["refresh_token"]
    )
    signed_in[session["id"]] = {**held, **renewed}
    return redirect("/")


@app.get("/logout")
def logout():
    held = signed_in.pop(session.pop("id"))
    metadata = oauth.portcullis.load_server_metadata()
    query = urlencode(
        {"id_token_hint": held["id_token"], "post_logout_redirect_uri": f"{BASE_URL}/"}
    )
    return redirect(f"{metadata['end_session_endpoint']}?{query}")


address = urlsplit(BASE_URL)
app.run(host=address.hostname, port=address.port)
