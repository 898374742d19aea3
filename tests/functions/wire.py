"""A wire between a function and a server that can be cut, mended, or left silent: the server's absence, for real."""

import contextlib
import socket
import threading


class Wire:
    """Listens on a port of its own and carries everything to `target`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._ends: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._silent = threading.Event()
        self._late = threading.Event()
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Carry again, on the same port as before."""
        self._silent.clear()
        self._late.clear()
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._start(self._accept, listener)

    def cut(self) -> None:
        """Refuse new connections and break the ones that stand."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        self._threads.clear()
        for end in ends:
            end.close()

    def hush(self) -> None:
        """Take what is sent and carry nothing, as a server that hangs."""
        self._silent.set()

    def delay(self) -> None:
        """Keep what the server answers until it is asked for something else."""
        self._late.set()

    def _start(self, run: object, *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._ends |= {near, far}
            answers: list[bytes] = []
            self._start(self._carry, near, far, None, answers)
            self._start(self._carry, far, near, answers, None)

    def _carry(
        self, source: socket.socket, sink: socket.socket, kept: list[bytes] | None, answers: list[bytes] | None
    ) -> None:
        try:
            while data := source.recv(65_536):
                if kept is not None and self._late.is_set():
                    kept.append(data)
                    continue
                if answers:
                    self._late.clear()
                    source.sendall(b"".join(answers))
                    answers.clear()
                if not self._silent.is_set():
                    sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
