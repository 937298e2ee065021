"""The threads of a worker."""

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

Job = Callable[[], object]


class Hands:
    """So many threads, which do jobs in the order in which they come. A job raises nothing.

    The thread that rested last goes first: what it needs, such as its connection to the database,
    is still in the processor's caches. In turns, a small answer costs a tenth more.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._lock = Lock()
        self._waiting: deque[Job] = deque()
        self._resting: list[SimpleQueue[Job]] = []

    def start(self) -> None:
        """Start the threads."""
        for number in range(self.number):
            Thread(target=self._run, name=f"request-{number}", daemon=True).start()

    @property
    def busy(self) -> int:
        """How many threads work."""
        return self.number - len(self._resting)

    @property
    def waiting(self) -> int:
        """How many jobs wait for a thread."""
        return len(self._waiting)

    def give(self, job: Job) -> None:
        """Have a job done, at once when a thread rests, else once one does."""
        with self._lock:
            if not self._resting:
                self._waiting.append(job)
                return
            own = self._resting.pop()
        own.put(job)

    def _run(self) -> None:
        own: SimpleQueue[Job] = SimpleQueue()
        while True:
            with self._lock:
                waits = bool(self._waiting)
                if waits:
                    own.put(self._waiting.popleft())
                else:
                    self._resting.append(own)
            own.get()()
