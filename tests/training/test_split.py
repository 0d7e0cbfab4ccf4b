"""A user process and an edge process: bytes, numbers, lost answers, ended processes."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from mecllm.errors import ScenarioError, SolverError
from mecllm.training import split
from mecllm.training.checkpoint import load, save
from mecllm.training.corpus import LAYERS, LENGTH
from mecllm.training.costs import traffic
from mecllm.training.definition1 import BATCH
from mecllm.training.split import Edge, Job, listen, user
from mecllm.training.transformer import embed
from mecllm.training.tuning import fit
from mecllm.training.wire import ANSWER, REFUSAL, REQUEST, Frame, Line
from tests.book import ROOT

STEPS = 4


def whole(job):
    """All layers, trained in one place."""
    ends, part = job.begin()
    return list(fit(ends, part, job.batches(), job.optimiser()))[-1]


def assert_same(job, folder):
    """Checkpoints of both sides hold what training in one place gives, bit for bit."""
    _, begun = job.begin()
    expected = whole(job)
    for name, layers in (("user", slice(0, job.alpha)), ("edge", slice(job.alpha, None))):
        part, _ = load(folder / f"{name}.npz", job.run(), begun[layers])
        assert part.step == STEPS
        for kind in ("layers", "first", "second"):
            for ours, theirs in zip(
                getattr(part, kind), getattr(expected[layers], kind), strict=True
            ):
                assert all(np.array_equal(ours[n], theirs[n]) for n in theirs)


# -- Split equals unsplit --------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", range(LAYERS + 1))
def test_split_equals_unsplit_bit_for_bit(alpha, tmp_path):
    job = Job(alpha)
    up, down = traffic(job, tmp_path)
    assert_same(job, tmp_path)
    # Activations and their gradients, of one size; characters and losses; 24 + 2·18 bytes of heads.
    assert up == 8 * BATCH * LENGTH * 32 + BATCH * LENGTH + 60
    assert down == 8 * BATCH * LENGTH * 32 + 8 * BATCH + 60


@pytest.mark.parametrize("reading", ["rest frozen", "relaxed", "adapted", "last tuned"])
def test_every_reading_can_be_split(reading, tmp_path):
    job = Job(3, reading, precision="float32", rule="sgd" if reading == "relaxed" else "adam")
    traffic(job, tmp_path)
    assert_same(job, tmp_path)


def test_another_rate_gives_other_weights(tmp_path):
    traffic(Job(3), tmp_path)
    with pytest.raises(ScenarioError, match="run"):
        assert_same(Job(3, rate=2e-3), tmp_path)
    assert not np.array_equal(
        whole(Job(3)).layers[0]["up"], whole(Job(3, rate=2e-3)).layers[0]["up"]
    )


# -- Processes and a connection that fail ----------------------------------------------------------


def process(side, job, folder, port):
    words = [sys.executable, "-m", "mecllm.training.split", side]
    words += [json.dumps(vars(job)), str(folder), str(port)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(words, cwd=ROOT, env=os.environ | threads)


def free_port():
    with listen(0) as listener:
        return listener.getsockname()[1]


class Between(threading.Thread):
    """Passes frames on between user and edge, and lets a test interfere with each of them."""

    def __init__(self, edge_port, interfere):
        super().__init__(daemon=True)
        self.listener, self.edge_port, self.interfere = listen(0), edge_port, interfere
        self.port = self.listener.getsockname()[1]
        self.numbers = []

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            with near, suppress(OSError):
                far = self.reach()
                with far:
                    self.pass_on(Line(near), Line(far))

    def reach(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.edge_port))
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def pass_on(self, near, far):
        while True:
            request = near.receive()
            self.numbers.append(request.number)
            self.interfere("request", len(self.numbers))
            far.send(request)
            answer = far.receive()
            self.interfere("answer", len(self.numbers))
            near.send(answer)


class Sides:
    """Both processes; each can be killed and started again."""

    def __init__(self, job, folder):
        self.job, self.folder, self.port = job, folder, free_port()
        self.running = {}

    def start(self, side, port):
        self.running[side] = process(side, self.job, self.folder, port)

    def kill(self, side):
        self.running[side].kill()
        self.running[side].wait()


def lose(*_):
    raise ConnectionError("lost on purpose")


def scenario(kind, sides, between):
    """What happens as the second frame passes."""

    def interfere(way, count):
        if count != 2:
            return
        if kind == "request lost" and way == "request":
            lose()
        if kind == "answer lost" and way == "answer":
            lose()
        if kind.startswith("edge") and kind.endswith(way):
            sides.kill("edge")
            sides.start("edge", sides.port)
            lose()
        if kind.startswith("user") and kind.endswith(way):
            sides.kill("user")
            sides.start("user", between().port)
            lose()

    return interfere


KINDS = (
    "request lost",
    "answer lost",
    "edge killed at request",
    "edge killed at answer",
    "user killed at request",
    "user killed at answer",
)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_and_nothing_done_twice(kind, tmp_path):
    job = Job(3)
    sides = Sides(job, tmp_path)
    between = Between(sides.port, scenario(kind, sides, lambda: between))
    between.start()
    try:
        sides.start("edge", sides.port)
        sides.start("user", between.port)
        first = sides.running["user"]
        assert first.wait(60) == (0 if not kind.startswith("user") else -9)
        assert sides.running["user"].wait(60) == 0
    finally:
        between.listener.close()
        for side in sides.running:
            sides.kill(side)
    assert_same(job, tmp_path)
    assert between.numbers == [1, 2, 2, 3, 4]


def test_an_edge_that_never_answers_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(split, "_PATIENCE_SECONDS", 0.1)
    with pytest.raises(SolverError, match="does not answer"):
        user(Job(3), tmp_path, free_port())


# -- Frames that are none --------------------------------------------------------------------------


def request(job, number=1, **changes):
    ends, _ = job.begin()
    batch = job.batches()[number - 1]
    arrays = (embed(ends, batch[:, :-1]), batch[:, 1:].astype(np.uint8))
    return Frame(
        **{"kind": REQUEST, "run": job.run(), "number": number, "arrays": arrays} | changes
    )


JOB = Job(0)
GOOD = request(JOB)
X, T = GOOD.arrays
WRONG = {
    "run": request(Job(1)),
    "kind": request(JOB, kind=ANSWER),
    "number": request(JOB, number=2),
    "arrays = ..'float32'": request(JOB, arrays=(X.astype(np.float32), T)),
    "arrays = ..'float64', .255": request(JOB, arrays=(X[1:], T)),
    "arrays = ..": request(JOB, arrays=()),
    "values": request(JOB, arrays=(X * np.nan, T)),
    "no character": request(JOB, arrays=(X, T + np.uint8(200))),
}


@pytest.mark.parametrize("match", WRONG)
def test_the_edge_refuses_what_is_not_its_next_request(match, tmp_path):
    edge = Edge(JOB, tmp_path)
    with pytest.raises(ScenarioError, match=match):
        edge.answer(WRONG[match])
    assert edge.part.step == 0
    assert edge.answer(GOOD).number == edge.part.step == 1


def test_a_repeat_gets_the_same_answer_and_a_changed_one_none(tmp_path):
    edge = Edge(JOB, tmp_path)
    first = edge.answer(GOOD)
    weights = edge.part.layers[0]["up"]
    assert edge.answer(GOOD).encoded() == first.encoded()
    # So does an edge that has been started anew.
    again = Edge(JOB, tmp_path)
    assert again.answer(GOOD).encoded() == first.encoded()
    assert np.array_equal(again.part.layers[0]["up"], weights)
    with pytest.raises(ScenarioError, match="repeat"):
        edge.answer(request(JOB, arrays=(X + 1, T)))
    with pytest.raises(ScenarioError, match="run"):
        Edge(Job(0, rate=0.5), tmp_path)


def head(mark=b"mecT", version=1, kind=REQUEST, count=1):
    return struct.pack("!4sBBBx8sQ", mark, version, kind, count, JOB.run(), 1)


def array(code=0, axes=1, *shape):
    return struct.pack("!BB4I", code, axes, *shape, *[1] * (4 - len(shape)))


BYTES = {
    "mark": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    "version": head(version=2),
    "kind": head(kind=7),
    "arrays": head(count=200),
    "type": head() + array(9, 1, 5),
    "axes": head() + array(0, 9, 5),
    "shape": head() + array(0, 1, 5, 3),
    "size": head() + array(0, 3, 2**31, 2**31, 2**31),
}


@pytest.mark.parametrize("key", BYTES)
def test_bytes_that_are_no_frame_are_refused_before_anything_is_reserved(key, tmp_path):
    edge = Edge(JOB, tmp_path)
    with listen(0) as listener:
        server = threading.Thread(target=edge.serve, args=(listener, 1))
        server.start()
        with socket.create_connection(listener.getsockname()) as connection:
            connection.sendall(BYTES[key])
            refusal = Line(connection).receive()
        server.join()
    assert refusal.kind == REFUSAL
    assert refusal.arrays[0].tobytes().decode().startswith(f"frame: {key} = ")
    assert edge.part.step == 0


def test_half_a_frame_is_a_lost_connection_and_the_next_is_served(tmp_path):
    edge = Edge(JOB, tmp_path)
    with listen(0) as listener:
        server = threading.Thread(target=edge.serve, args=(listener, 2))
        server.start()
        with socket.create_connection(listener.getsockname()) as connection:
            connection.sendall(GOOD.encoded()[:1000])
        with socket.create_connection(listener.getsockname()) as connection:
            line = Line(connection)
            line.send(GOOD)
            assert line.receive().kind == ANSWER
        server.join()
    assert edge.part.step == 1


def test_the_user_says_why_it_was_refused(tmp_path):
    with listen(0) as listener:
        edge = Edge(Job(3, rate=5e-4), tmp_path)
        server = threading.Thread(target=edge.serve, args=(listener, 1))
        server.start()
        with pytest.raises(SolverError, match="refuses step 1: request: run"):
            user(Job(3), tmp_path, listener.getsockname()[1])
        server.join()


def test_frames_come_back_as_they_were():
    one, other = socket.socketpair()
    arrays = (np.arange(6.0).reshape(2, 3), np.array(3.5, np.float32), np.zeros((0, 4), np.uint8))
    frame = Frame(ANSWER, bytes(8), 2**40, arrays)
    with one, other:
        sender, receiver = Line(one), Line(other)
        sender.send(frame)
        found = receiver.receive()
    assert (found.kind, found.run, found.number) == (ANSWER, bytes(8), 2**40)
    for ours, theirs in zip(found.arrays, arrays, strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    assert sender.sent == receiver.received == len(frame.encoded())


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    _, part = JOB.begin()
    save(tmp_path / "user.npz", b"12345678", part)
    with pytest.raises(ScenarioError, match="run"):
        load(tmp_path / "user.npz", b"87654321", part)
