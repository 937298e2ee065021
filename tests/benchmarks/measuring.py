"""What an operation costs: CPU of a server's processes, in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.servers import Served

Operation = Callable[[], object]


def per_operation(served: Served, count: int, operation: Operation) -> float:
    """Return what one operation costs, as the mean of `count`."""
    for _ in range(max(20, count // 20)):
        operation()
    return _mean(served, count, operation)


def in_turns(
    cases: Mapping[str, tuple[Served, Operation]], count: int, rounds: int = 7
) -> dict[str, float]:
    """Return the least mean of some rounds of `count`, by case. The cases take turns, so that what
    else the machine does is the same for all.
    """
    found: dict[str, list[float]] = {label: [] for label in cases}
    for served, operation in cases.values():
        per_operation(served, 20, operation)
    for _ in range(rounds):
        for label, (served, operation) in cases.items():
            found[label].append(_mean(served, count, operation))
    return {label: min(means) for label, means in found.items()}


def _mean(served: Served, count: int, operation: Operation) -> float:
    before = cpu_seconds(served.pid)
    for _ in range(count):
        operation()
    return (cpu_seconds(served.pid) - before) / count * 1e6


def report(label: str, value: float, unit: str = "µs") -> None:
    """Print one line of the table."""
    print(f"  {label:<58}{value:>10,.0f} {unit}", flush=True)


def report_all(found: Mapping[str, float], one: str) -> None:
    """Print a line for each case, with its ratio to the case `one`."""
    for label, value in found.items():
        print(f"  {label:<58}{value:>10,.0f} µs {value / found[one]:>6.2f}", flush=True)
