"""python-social-auth in a Django app of one file, as its documentation has it."""

import os
from urllib.parse import urlencode, urlsplit

import django
import requests
from django.conf import settings
from django.contrib.auth import logout as end_session
from django.core.management import call_command
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import include, path, reverse

ISSUER = os.environ["ISSUER"]
BASE_URL = os.environ["BASE_URL"]

settings.configure(
    DEBUG=True,
    SECRET_KEY="a secret of this app",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "social_django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "file:app?mode=memory&cache=shared",
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    AUTHENTICATION_BACKENDS=["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    LOGIN_REDIRECT_URL="/",
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=ISSUER,
    SOCIAL_AUTH_OIDC_KEY=os.environ["CLIENT_ID"],
    SOCIAL_AUTH_OIDC_SECRET=os.environ["CLIENT_SECRET"],
    SOCIAL_AUTH_OIDC_SCOPE=["orders.read"],
)
django.setup()


def token_data(request):
    if not request.user.is_authenticated:
        return None
    return request.user.social_auth.get(provider="oidc").extra_data


def home(request):
    held = token_data(request)
    if held is None:
        return JsonResponse({"name": None, "accessToken": None})
    return JsonResponse(
        {"name": request.user.get_full_name(), "accessToken": held["access_token"]}
    )


def login(_request):
    action = reverse("social:begin", args=["oidc"])
    return HttpResponse(f'<form method="post" action="{action}"><button>Sign in</button></form>')


def call(request):
    headers = {"Authorization": f"Bearer {token_data(request)['access_token']}"}
    answer = requests.get(os.environ["ORDERS_URL"], headers=headers, timeout=10)
    return JsonResponse({"status": answer.status_code})


def refresh(request):
    # Its models are there once Django is set up.
    from social_django.utils import load_strategy

    request.user.social_auth.get(provider="oidc").refresh_token(load_strategy(request))
    return redirect("/")


def logout(request):
    id_token = token_data(request)["id_token"]
    end_session(request)
    query = {"id_token_hint": id_token, "post_logout_redirect_uri": f"{BASE_URL}/"}
    return redirect(f"{ISSUER}/logout?{urlencode(query)}")


urlpatterns = [
    path("", home),
    path("login", login),
    path("call", call),
    path("refresh", refresh),
    path("logout", logout),
    path("", include("social_django.urls", namespace="social")),
]

call_command("migrate", verbosity=0)
call_command("runserver", urlsplit(BASE_URL).netloc, use_reloader=False, verbosity=0)
