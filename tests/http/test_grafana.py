"""deploy/grafana.json asks for what /metrics has: each name, and each label of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families as parsed

from portal.operations.metrics import numbers
from portal.server.front import Standing

DASHBOARD = json.loads(Path("deploy/grafana.json").read_text())
QUERIES = [(panel["title"], each["expr"], each["legendFormat"])
           for panel in DASHBOARD["panels"] for each in panel["targets"]]  # fmt: skip
NAME = re.compile(r"\bvestibule_\w+")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
SELECTED = re.compile(r"\{(\w+)[!=~]+\"")
BY_POSTGRESQL = {
    "vestibule_database_connections": {"state"},
    "vestibule_database_connections_most": set(),
}
TOKEN = {"Authorization": "Bearer any"}


@pytest.fixture
def served(client: Client, tmp_path: Path) -> dict[str, set[str]]:
    """What a site that has counted one of everything serves: the labels of each name."""
    numbers.of_this_process.cache_clear()
    with override_settings(DATA_DIR=tmp_path, VESTIBULE_METRICS_TOKEN="any"):
        for name in ("login.succeeded", "login.failed", "logout", "session.ended"):
            numbers.count("event", name, "town", "oidc", "")
        numbers.count("call", 0.2, "source:town", "failed")
        numbers.count("refresh", "ours", "town", "renewed")
        numbers.standing(Standing(8, 1, 0, 0))
        text = client.get("/metrics", headers=TOKEN).content.decode()
    numbers.of_this_process.cache_clear()
    found: dict[str, set[str]] = {}
    for family in parsed(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found if connection.vendor == "postgresql" else {**BY_POSTGRESQL, **found}


@pytest.mark.django_db
def test_each_query_asks_for_what_is_served(served: dict[str, set[str]]) -> None:
    for title, query, legend in QUERIES:
        names = NAME.findall(query)
        assert names, title
        labels = {each.strip() for group in GROUPED.findall(query) for each in group.split(",")}
        labels |= set(SELECTED.findall(query))
        for name in names:
            assert name in served, f"{title}: {name} is not served"
            assert labels <= served[name], f"{title}: {name} has no {labels - served[name]}"
        assert set(re.findall(r"{{(\w+)}}", legend)) <= labels, f"{title}: its legend"
        assert query.count("(") == query.count(")"), title


@pytest.mark.django_db
def test_whatever_is_served_is_shown_and_documented(served: dict[str, set[str]]) -> None:
    asked = {name for _title, query, _legend in QUERIES for name in NAME.findall(query)}
    page = Path("docs/operations.md").read_text()
    for name in served:
        whole = re.sub(r"_(bucket|sum|count|created)$", "", name)
        assert f"`{whole}`" in page, f"{whole} is not documented"
        assert any(each.startswith(whole) for each in asked), f"{whole} is on no panel"
