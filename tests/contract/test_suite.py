"""The contract bites: a provider that does not keep it fails in the suite, run as others run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.contract.suite import assert_whole
from accounts.provider import Authentication
from tests.architecture.tree import ROOT
from tests.peers.site import environment

pytestmark = pytest.mark.wire

WHOLE = "test_a_login_that_it_completes_is_a_whole_identity"
TAKES = "test_each_member_takes_what_the_contract_gives_it"
PROVES = "test_whom_its_upstream_remembers_has_proved_nothing"
DESCRIBES = "test_it_describes_itself_without_a_call_or_a_query"
CASES = """
from dataclasses import replace

import pytest
from accounts.models import Source
from accounts.contract.suite import ProviderContract
from tests.peers.upstream import upstream
from tests.tenant.provider import TenantProvider


class Lazy(TenantProvider):
    def complete_login(self, flow, response, cookies):
        return None

    def call_logout(self):
        return None

    def describe(self):
        Source.objects.exists()
        return super().describe()


class Asking(TenantProvider):
    def describe(self):
        self.check()
        return super().describe()


class Boasting(TenantProvider):
    def complete_login(self, flow, response, cookies):
        return replace(super().complete_login(flow, response, cookies), auth_time=self.clock())


class Case(ProviderContract):
    @pytest.fixture
    def settings_values(self):
        return {"upstream": "http://127.0.0.1:1"}


class TestWithoutALogin(Case):
    provider_class = TenantProvider


class TestAsking(Case):
    provider_class = Asking


class TestLazy(Case):
    provider_class = Lazy

    @pytest.fixture
    def outcome(self, provider, flow):
        return provider.complete_login(flow, {"code": "bob"}, {})


class TestBoasting(TestLazy):
    provider_class = Boasting

    @pytest.fixture
    def settings_values(self):
        with upstream() as peer:
            peer.extra, peer.asks_again = {"since": 3600}, False
            yield {"upstream": peer.url}

    @pytest.fixture
    def remembered(self, provider):
        return lambda flow: provider.complete_login(flow, {"code": "bob"}, {})
"""


def test_whoever_does_not_keep_the_contract_is_caught(tmp_path: Path) -> None:
    (tmp_path / "test_cases.py").write_text(CASES)
    where = ["-c", "pyproject.toml", "--rootdir", ROOT, "--no-migrations", "-q", "-rfE"]
    which = ["-k", " or ".join((WHOLE, TAKES, DESCRIBES, PROVES)), tmp_path]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *where, *which],
        cwd=ROOT,
        env=environment({"VESTIBULE_DATA": str(tmp_path)}),
        capture_output=True,
        text=True,
    )
    caught = re.findall(r"^(?:FAILED|ERROR) \S*::(\w+)::(\w+)", done.stdout, re.M)
    assert set(caught) == {
        ("TestWithoutALogin", WHOLE),
        ("TestAsking", WHOLE),
        ("TestAsking", DESCRIBES),
        ("TestAsking", PROVES),
        ("TestWithoutALogin", PROVES),
        ("TestLazy", PROVES),
        ("TestBoasting", PROVES),
        ("TestLazy", WHOLE),
        ("TestLazy", TAKES),
        ("TestLazy", DESCRIBES),
    }, done.stdout + done.stderr


@pytest.mark.parametrize("outcome", [None, Authentication(""), Authentication(" "), ("bob",)])
def test_half_an_identity_is_none(outcome: object) -> None:
    with pytest.raises(AssertionError):
        assert_whole(outcome)
