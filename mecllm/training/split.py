"""Split training: a user process and an edge process, one TCP connection, and checkpoints.

The user sends what leaves its last layer, with the characters to predict; the edge does the rest
forwards, then backwards, moves its weights and sends back the gradient of what came in, without
which the user's layers cannot move. Requests are numbered as steps. Each side writes its weights
and its optimiser's state after every step, the edge before it answers: a request that comes again,
because an answer or a process was lost, gets the stored answer and is not applied twice.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import numpy as np

from mecllm.errors import ScenarioError, SolverError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.files import write_whole
from mecllm.training.checkpoint import load, save
from mecllm.training.corpus import Model, pretrained, windows
from mecllm.training.definition1 import draw
from mecllm.training.readings import READINGS
from mecllm.training.transformer import Layer, backward, embed, forward, loss
from mecllm.training.tuning import Part, Rule, update
from mecllm.training.wire import ANSWER, REFUSAL, REQUEST, RUN_BYTES, Frame, Line

# The other side may be starting anew; after this long it is not coming.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 30.0, 0.02


@dataclass(frozen=True)
class Job:
    """What both sides have agreed on beforehand: model, reading, α, rule and the draw of data."""

    alpha: int
    reading: str = "as described"
    width: int = 32
    precision: str = "float64"
    rule: str = "adam"
    rate: float = 1e-3
    epochs: int = 1
    seed: int = 0

    def run(self) -> bytes:
        """Name of the run, in every frame and checkpoint of it."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).digest()[:RUN_BYTES]

    def begin(self) -> tuple[Layer, Part]:
        """Both ends of the model, and all layers before the first step."""
        model = pretrained(self.width)
        ends, *layers = (
            {name: w.astype(self.precision) for name, w in block.items()}
            for block in (model.ends, *model.layers)
        )
        part = READINGS[self.reading](Model(ends, tuple(layers)), self.alpha)
        return ends, part

    def batches(self) -> IntArray:
        """Sequences of every step, (steps, B, d+1); they stay with the user."""
        drawn = draw(windows("washington"), self.seed, 1, self.epochs)
        return drawn.train[drawn.order]

    def optimiser(self) -> Rule:
        """How gradients move weights."""
        return Rule("adam" if self.rule == "adam" else "sgd", self.rate)


def user(job: Job, folder: Path, port: int) -> tuple[Part, int, int]:
    """Train the first α layers, from the last checkpoint on, with the edge's help.

    Parameters
    ----------
    job : Job
    folder : Path
        Where the checkpoint stands.
    port : int
        Of the edge, on this machine.

    Returns
    -------
    part, sent, received : Part, int, int
        The trained layers, and the bytes at the socket of this process.

    Raises
    ------
    SolverError
        When the edge refuses a request, or does not answer for half a minute.
    """
    ends, whole = job.begin()
    path, run = folder / "user.npz", job.run()
    part, _ = load(path, run, whole[: job.alpha])
    caller = _Caller(port)
    for number, batch in enumerate(job.batches(), 1):
        if number <= part.step:
            continue
        y, caches = forward(part.layers, embed(ends, batch[:, :-1]), batch.shape[1] - 1)
        request = Frame(REQUEST, run, number, (y, batch[:, 1:].astype(np.uint8)))
        gradients = backward(part.layers, caches, caller.ask(request), part.tuned, inward=False)[1]
        part = update(part, gradients, job.optimiser())
        save(path, run, part)
    caller.close()
    return part, caller.sent, caller.received


class _Caller:
    """Asks until an answer comes, over as many connections as that takes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line: Line | None = None
        self.sent = self.received = 0

    def ask(self, request: Frame) -> Array:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                if self._line is None:
                    address = ("127.0.0.1", self._port)
                    self._line = Line(socket.create_connection(address, _PATIENCE_SECONDS))
                self._line.send(request)
                answer = self._line.receive()
                break
            except OSError as error:
                self.close()
                if time.monotonic() > deadline:
                    raise SolverError(f"the edge does not answer: {error}") from error
                time.sleep(_PAUSE_SECONDS)
        if answer.kind == REFUSAL:
            self.close()
            words = answer.arrays[0].tobytes().decode()
            raise SolverError(f"the edge refuses step {request.number}: {words}")
        if (answer.kind, answer.run, answer.number) != (ANSWER, request.run, request.number):
            self.close()
            raise SolverError(f"an answer to {answer.number} came to request {request.number}")
        return answer.arrays[0]

    def close(self) -> None:
        if self._line is not None:
            self.sent += self._line.sent
            self.received += self._line.received
            self._line.close()
        self._line = None


class Edge:
    """The edge's side of a job: layers from α+1 on, and the answer it gave last."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job, self._run, self._path = job, job.run(), folder / "edge.npz"
        self._ends, whole = job.begin()
        self.part, self._last = load(self._path, self._run, whole[job.alpha :])

    def answer(self, request: Frame) -> Frame:
        """Apply a request once, however often it comes.

        Parameters
        ----------
        request : Frame
            Arrays (B·d, h), (B, d).

        Returns
        -------
        Frame
            Gradient (B·d, h) of the mean loss, and the loss of each sequence (B,).

        Raises
        ------
        ScenarioError
            For a frame of another run, out of turn, or with arrays of other shapes or types.
        """
        step = self.part.step
        _check("run", request.run.hex(), request.run == self._run, self._run.hex())
        _check("kind", request.kind, request.kind == REQUEST, "a request")
        number = request.number
        _check("number", number, number in (step, step + 1) and number > 0, f"{step + 1}")
        digest = np.frombuffer(hashlib.sha256(request.encoded()).digest(), np.uint8)
        if number == step:
            same = np.array_equal(digest, self._last[0])
            _check("repeat", number, same, "the same bytes as before")
        else:
            self._apply(request, digest)
        return Frame(ANSWER, self._run, number, tuple(self._last[1:]))

    def _apply(self, request: Frame, digest: Array) -> None:
        shapes = [(array.dtype.name, array.shape) for array in request.arrays]
        width, length = self._ends["head"].shape[0], self._ends["position"].shape[0]
        batch = request.arrays[-1].shape[0] if request.arrays and request.arrays[-1].ndim else 0
        wanted = [(self._job.precision, (batch * length, width)), ("uint8", (batch, length))]
        _check("arrays", shapes, shapes == wanted and batch > 0, str(wanted))
        x, targets = request.arrays
        good = np.isfinite(x).all() and targets.max() < self._ends["head"].shape[1]
        _check("values", "not finite, or no character", good, "finite numbers and known characters")
        y, caches = forward(self.part.layers, x, length)
        losses, dy, _ = loss(self._ends, y, targets.astype(np.int64))
        dx, gradients = backward(self.part.layers, caches, dy, self.part.tuned)
        part = update(self.part, gradients, self._job.optimiser())
        last = [digest, np.asarray(dx), losses]
        save(self._path, self._run, part, last)
        self.part, self._last = part, last

    def serve(self, listener: socket.socket, connections: int | None = None) -> None:
        """Answer one connection after the other, until the process is ended.

        Parameters
        ----------
        listener : socket
        connections : int, optional
            Stop after so many.
        """
        for _ in count() if connections is None else range(connections):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(_PATIENCE_SECONDS)
                line = Line(connection)
                try:
                    while True:
                        line.send(self.answer(line.receive()))
                except ScenarioError as error:
                    words = np.frombuffer(str(error).encode(), np.uint8)
                    with suppress(OSError):
                        line.send(Frame(REFUSAL, self._run, 0, (words,)))
                except OSError:
                    continue


def _check(key: str, value: object, good: object, allowed: str) -> None:
    if not good:
        raise ScenarioError("request", key, value, allowed)


def listen(port: int) -> socket.socket:
    """Open the edge's port on this machine, and on no other address; 0 takes a free one."""
    return socket.create_server(("127.0.0.1", port))


def _main(words: Sequence[str] | None = None) -> None:
    """Run one side as a process: `python -m mecllm.training.split user|edge JOB FOLDER PORT`."""
    parser = argparse.ArgumentParser(description="one side of split training")
    parser.add_argument("side", choices=("user", "edge"))
    parser.add_argument("job", help="fields of a Job, as JSON")
    parser.add_argument("folder", type=Path, help="where the checkpoints stand")
    parser.add_argument("port", type=int)
    given = parser.parse_args(words)
    job = Job(**json.loads(given.job))
    if given.side == "user":
        part, sent, received = user(job, given.folder, given.port)
        traffic = {"steps": part.step, "sent": sent, "received": received}
        write_whole(given.folder / "user.json", lambda draft: draft.write_text(json.dumps(traffic)))
    else:
        with listen(given.port) as listener:
            Edge(job, given.folder).serve(listener)


if __name__ == "__main__":
    _main()
