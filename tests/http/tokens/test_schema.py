"""`/api/schema/`: valid OpenAPI, and true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.validation import validate_schema
from rest_framework.views import APIView

from accounts.models import User
from portal.api.serializers import Credentials
from tests.architecture.tree import ROOT
from tests.http.tokens.caller import Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def schema(db: None) -> dict[str, Any]:
    kind = "application/vnd.oai.openapi+json"
    answer = Client().get("/api/schema/", headers={"Accept": kind})
    assert answer.status_code == 200
    return dict(json.loads(answer.content))


def test_it_is_valid_and_open_to_everybody(schema: dict[str, Any]) -> None:
    validate_schema(schema)
    assert Client().get("/api/schema/")["Content-Type"].startswith("application/vnd.oai.openapi")


def test_it_names_every_json_route_and_no_other(schema: dict[str, Any]) -> None:
    views = {
        "/" + str(route.pattern).replace("<str:slug>", "{slug}")
        for part in get_resolver().url_patterns
        for route in getattr(part, "url_patterns", [part])
        if issubclass(getattr(route.callback, "cls", object), APIView)
    }
    assert set(schema["paths"]) == views - {"/api/schema/"} | {"/healthz", "/readyz"}
    contract = (ROOT / "docs" / "contract.md").read_text().replace("<source>", "{slug}")
    described = re.search(r"^\| `/api/schema/` \| GET \| OpenAPI 3\.1 of ([^.]*)\.", contract, re.M)
    assert described
    assert set(re.findall(r"`([^`]+)`", described[1])) == set(schema["paths"])


def test_it_says_how_a_caller_says_who_it_is(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert schemes["basic"] == {"type": "http", "scheme": "basic"}
    assert {"basic": []} in schema["paths"]["/session/login"]["post"]["security"]

    def parameters(path: str, method: str) -> set[tuple[str, str, bool]]:
        said = schema["paths"][path][method]["parameters"]
        return {(each["in"], each["name"], each.get("required", False)) for each in said}

    for method in ("get", "post"):
        assert ("cookie", "tokens_key", True) in parameters("/openid/{slug}/tokens", method)
    for method in ("post", "delete"):
        assert ("header", "X-CSRFToken", False) in parameters("/session/logout", method)


def test_it_says_what_a_body_must_hold_and_how_long_it_may_be(schema: dict[str, Any]) -> None:
    shapes = schema["components"]["schemas"]
    taken = set(Credentials().fields)
    assert set(shapes["Credentials"]["properties"]) == taken
    assert set(shapes["BesideBasic"]["properties"]) == taken - {"username", "password"}
    assert shapes["Credentials"]["required"] == ["password", "username"]
    assert shapes["Credentials"]["properties"]["password"]["maxLength"] == 4096
    assert shapes["Credentials"]["properties"]["username"]["maxLength"] == 1024
    assert shapes["RefreshToken"]["required"] == ["refresh_token"]
    assert shapes["WrappedRefreshToken"]["required"] == ["sessionToken"]
    assert shapes["Identifier"]["properties"]["identifier"]["maxLength"] == 1024


def test_everything_is_described_and_the_ways_in_have_an_example(schema: dict[str, Any]) -> None:
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            assert told.get("description"), (method, path)
            for status, answer in told["responses"].items():
                assert answer.get("description") or status in {"200", "304"}, (path, status)
    for path in ("/session/login", "/session/refresh"):
        told = schema["paths"][path]["post"]
        assert told["requestBody"]["content"]["application/json"]["examples"]
        assert told["responses"]["200"]["content"]["application/json"]["examples"]


def test_each_answer_has_the_shape_that_it_says(schema: dict[str, Any], person: User) -> None:
    import jsonschema

    caller = Caller()
    caller.login()
    asked: tuple[tuple[str, str, Any], ...] = (
        ("/session/login", "post", caller.login()),
        ("/session/refresh", "post", caller.refresh()),
        ("/session/login", "post", caller.post("/session/login", "[]")),
        ("/users/user/details", "get", caller.get("/users/user/details?includeattributes=true")),
        ("/users/user/details", "get", caller.client.get("/users/user/details")),
        ("/auth/session", "get", caller.get("/auth/session")),
        ("/auth/session", "get", caller.client.get("/auth/session")),
        ("/auth/sources", "get", caller.client.get("/auth/sources")),
        ("/auth/upstream-token", "get", caller.client.get("/auth/upstream-token")),
        ("/openid/providers", "get", caller.client.get("/openid/providers")),
        ("/openid/{slug}/tokens", "get", caller.client.get("/openid/local/tokens?identifier=x")),
        ("/session/logout", "delete", caller.leave("DELETE")),
        ("/readyz", "get", caller.client.get("/readyz")),
        ("/healthz", "get", caller.client.get("/healthz")),
    )
    for path, method, answer in asked:
        said = schema["paths"][path][method]["responses"][str(answer.status_code)]
        form = {**said["content"]["application/json"]["schema"], "components": schema["components"]}
        jsonschema.validate(json.loads(answer.content), form)
