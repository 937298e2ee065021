"""A password's hash alone, in this process: python -m tests.benchmarks.one_hash COUNT MEMORY_KIB"""

from __future__ import annotations

import sys
import time

import argon2


def main(count: int, memory_kib: int) -> None:
    """Print the microseconds of CPU that verifying a password takes, as the mean of `count`."""
    hasher = argon2.PasswordHasher(memory_cost=memory_kib, time_cost=1, parallelism=1)
    password = "bench-password-of-some-length"
    kept = hasher.hash(password)
    began = time.process_time()
    for _ in range(count):
        hasher.verify(kept, password)
    print((time.process_time() - began) / count * 1e6)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
