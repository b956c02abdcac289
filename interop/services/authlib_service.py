"""A resource server with Authlib in Flask, as its documentation has it: RFC 9068."""

import os
from urllib.parse import urlsplit

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask, jsonify

ISSUER = os.environ["ISSUER"]


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return requests.get(f"{ISSUER}/jwks", timeout=10).json()


require_oauth = ResourceProtector()
require_oauth.register_token_validator(
    Validator(issuer=ISSUER, resource_server=os.environ["AUDIENCE"])
)
app = Flask(__name__)


@app.get("/")
@require_oauth("orders.read")
def home():
    return jsonify(subject=current_token["sub"])


address = urlsplit(os.environ["BASE_URL"])
app.run(host=address.hostname, port=address.port)
