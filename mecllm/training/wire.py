"""Frames over TCP: raw arrays behind a header that says all about them; nothing is unpickled."""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array

# Kinds of frame: what the user sends, what the edge answers, and why it does not.
REQUEST, ANSWER, REFUSAL = 1, 2, 3
# Bytes of a name of a run.
RUN_BYTES = 8
# Mark and version, kind, number of arrays, name of the run, number of the request.
_HEAD = struct.Struct(f"!4sBBBx{RUN_BYTES}sQ")
_MARK, _VERSION = b"mecT", 1
# Type, number of axes, and their lengths.
_ARRAY = struct.Struct("!BB4I")
_TYPES = tuple(np.dtype(name) for name in ("<f8", "<f4", "|u1"))
_AXES, _ARRAYS = 4, 4
# Largest array taken, in bytes: eight times the activations of B = 512, d = 512, h = 8 in doubles.
_LARGEST = 2**27


@dataclass(frozen=True)
class Frame:
    """What is sent at once: some arrays, of a run, under the number of a request."""

    kind: int
    run: bytes
    number: int
    arrays: tuple[Array, ...]

    def encoded(self) -> bytes:
        """Bytes of the frame."""
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        count = len(self.arrays)
        yield _HEAD.pack(_MARK, _VERSION, self.kind, count, self.run, self.number)
        for array in self.arrays:
            code = _TYPES.index(array.dtype.newbyteorder("<"))
            yield _ARRAY.pack(code, array.ndim, *array.shape, *[1] * (_AXES - array.ndim))
        for array in self.arrays:
            yield array.astype(array.dtype.newbyteorder("<")).tobytes()


class Line:
    """One end of a connection; `sent` and `received` count every byte at the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.sent = self.received = 0

    def send(self, frame: Frame) -> None:
        """Send a frame whole; OSError when the connection is lost."""
        data = frame.encoded()
        self._socket.sendall(data)
        self.sent += len(data)

    def receive(self) -> Frame:
        """Wait for a frame; its arrays are as large as its header says, and no larger than allowed.

        Raises
        ------
        ScenarioError
            For bytes that are no frame.
        OSError
            When the connection is lost, within a frame or between two.
        """
        mark, version, kind, count, run, number = _HEAD.unpack(self._take(_HEAD.size))
        _refuse(mark != _MARK, "mark", mark, repr(_MARK))
        _refuse(version != _VERSION, "version", version, str(_VERSION))
        _refuse(kind not in (REQUEST, ANSWER, REFUSAL), "kind", kind, "1, 2 or 3")
        _refuse(count > _ARRAYS, "arrays", count, f"at most {_ARRAYS}")
        heads = [_ARRAY.unpack(self._take(_ARRAY.size)) for _ in range(count)]
        kinds = []
        for code, axes, *shape in heads:
            _refuse(code >= len(_TYPES), "type", code, f"below {len(_TYPES)}")
            _refuse(axes > _AXES, "axes", axes, f"at most {_AXES}")
            _refuse(any(n != 1 for n in shape[axes:]), "shape", shape, f"{axes} axes")
            size = math.prod(shape) * _TYPES[code].itemsize
            _refuse(size > _LARGEST, "size", size, f"at most {_LARGEST} bytes")
            kinds.append((_TYPES[code], tuple(shape[:axes]), size))
        arrays = [np.frombuffer(self._take(n), dtype).reshape(s) for dtype, s, n in kinds]
        return Frame(kind, run, number, tuple(arrays))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _take(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._socket.recv(min(size - len(data), 2**20))
            if not piece:
                raise ConnectionError("the other side has closed the connection")
            data += piece
            self.received += len(piece)
        return bytes(data)


def _refuse(wrong: bool, key: str, value: object, allowed: str) -> None:
    if wrong:
        raise ScenarioError("frame", key, value, allowed)
