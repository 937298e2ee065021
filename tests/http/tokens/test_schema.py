"""`/api/schema/`: valid OpenAPI, and true."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.validation import validate_schema
from rest_framework.views import APIView

from accounts.models import User
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
        "/" + str(route.pattern).replace("<slug:slug>", "{slug}")
        for part in get_resolver().url_patterns
        for route in getattr(part, "url_patterns", [part])
        if issubclass(getattr(route.callback, "cls", object), APIView)
    }
    assert set(schema["paths"]) == views - {"/api/schema/"}


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
    )
    for path, method, answer in asked:
        said = schema["paths"][path][method]["responses"][str(answer.status_code)]
        form = {**said["content"]["application/json"]["schema"], "components": schema["components"]}
        jsonschema.validate(json.loads(answer.content), form)
