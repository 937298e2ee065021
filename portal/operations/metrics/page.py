"""`/metrics`: the numbers of all workers, for who may read them (docs/contract.md 7)."""

from collections.abc import Iterator
from ipaddress import ip_address

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from portal import conf
from portal.door import networks
from portal.operations.metrics import files, held, numbers

log = structlog.get_logger("vestibule.metrics")


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all numbers in Prometheus' text format. Raises `Http404` for everybody else, and
    `DisallowedHost` for who asks by a foreign name and without the token.
    """
    if not _may_read(request):
        raise Http404
    numbers.of_this_process()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(generate_latest(registry), CONTENT_TYPE_LATEST, headers=headers)


def _may_read(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    token = conf.metrics_token()
    if token and constant_time_compare(given.encode(), f"Bearer {token}".encode()):
        return True
    if not _is_address(request.META.get("HTTP_HOST", "")):
        request.get_host()  # a page in a browser of that network can come by a name of its own
    return networks.is_among(request.META.get("REMOTE_ADDR", ""), conf.metrics_networks())


def _is_address(host: str) -> bool:
    """Tell whether a Host header is an IP address, with or without a port."""
    name, _port = split_domain_port(host)
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class _Everything:
    """What the processes count, and what the database holds at this moment."""

    def collect(self) -> Iterator[Metric]:
        """Yield each number with its labels."""
        with files.at_rest():
            counted = list(MultiProcessCollector.merge(files.readable()))
        yield from counted
        up = GaugeMetricFamily("vestibule_database_up", "Whether the database answers.")
        try:
            yield from (*held.outbox(), *held.sessions(), *held.connections())
        except DatabaseError:
            log.warning("metrics.database_unavailable")
            up.add_metric([], int(_answers()))
        else:
            up.add_metric([], 1)
        yield up


def _answers() -> bool:
    """Tell whether the database answers at all, where a table may be locked."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    return True
