#!/usr/bin/env python3
"""Serves one topic over Kafka's protocol, from files, for measuring: topic_server.py DIRECTORY --topic T --partitions N.

librdkafka's mock keeps 5 MiB of a partition, which a reader has read before it has warmed up. This keeps everything, and does
as little as a broker can: it stores the record batches that producers send and sends them out as they are (sendfile). It knows
no groups, no transactions, no replication and no retention. What it has appended is there again after a restart.

It prints its address once it listens, and ends with standard input. Formats and numbers: https://kafka.apache.org/protocol
"""

import argparse
import bisect
import os
import socket
import socketserver
import struct
import sys
import threading
import time

PRODUCE, FETCH, LIST_OFFSETS, METADATA, FIND_COORDINATOR, API_VERSIONS, INIT_PRODUCER_ID = 0, 1, 2, 3, 10, 18, 22
# The ones that are served. Versions below them are named, too: librdkafka sends lz4 to none but brokers that name them all.
VERSIONS = {PRODUCE: 3, FETCH: 4, LIST_OFFSETS: 1, METADATA: 1, FIND_COORDINATOR: 0, API_VERSIONS: 0, INIT_PRODUCER_ID: 0}
UNKNOWN_TOPIC, UNSUPPORTED_VERSION, OFFSET_OUT_OF_RANGE = 3, 35, 1
NODE = 1


class Partition:
    """A file of record batches, and where each begins."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "a+b", buffering=0)
        self.offsets, self.places = [], []
        self.end, self.bytes = 0, 0
        size = self.file.seek(0, os.SEEK_END)
        while self.bytes + 61 <= size:
            head = os.pread(self.file.fileno(), 61, self.bytes)
            if not self.note(head, size):
                break
        self.file.truncate(self.bytes)

    def note(self, head, size):
        length = struct.unpack_from(">i", head, 8)[0] + 12
        if self.bytes + length > size:
            return False
        self.offsets.append(self.end)
        self.places.append(self.bytes)
        self.end += struct.unpack_from(">i", head, 23)[0] + 1
        self.bytes += length
        return True

    def append(self, batches):
        with self.lock:
            at, end, out, heads = 0, self.end, bytearray(batches), []
            while at < len(out):
                # Offset and epoch stand before what the checksum covers.
                struct.pack_into(">q", out, at, end)
                struct.pack_into(">i", out, at + 12, 0)
                heads.append(out[at : at + 61])
                end += struct.unpack_from(">i", out, at + 23)[0] + 1
                at += struct.unpack_from(">i", out, at + 8)[0] + 12
            if at != len(out):
                raise ValueError("a record batch is cut off")
            view = memoryview(out)
            try:
                while len(view):
                    view = view[self.file.write(view) :]
            except OSError:
                self.file.truncate(self.bytes)
                raise
            # Nobody is told of what is not in the file.
            first, size = self.end, self.bytes + len(out)
            for head in heads:
                self.note(head, size)
            return first

    def find(self, offset, limit):
        """Place and length of whole batches from the one of `offset` on: at least one, else at most `limit` bytes."""
        with self.lock:
            if offset >= self.end:
                return 0, 0
            index = bisect.bisect_right(self.offsets, offset) - 1
            start = self.places[index]
            following = max(index + 1, bisect.bisect_right(self.places, start + limit) - 1)
            fits = following == len(self.places) or self.bytes <= start + limit
            return start, (self.bytes if fits else self.places[following]) - start


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def bytes(self, form="i"):
        length = self.number(form)
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length : self.at]

    def text(self):
        value = self.bytes("h")
        return None if value is None else bytes(value).decode()

    def array(self, each):
        return [each() for _ in range(max(0, self.number("i")))]


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = {
            PRODUCE: self.produce, LIST_OFFSETS: self.list_offsets, METADATA: self.metadata,
            FIND_COORDINATOR: self.find_coordinator, INIT_PRODUCER_ID: self.init_producer_id,
        }
        while (head := self.receive(4)) is not None:
            request = Reader(memoryview(self.receive(struct.unpack(">i", head)[0])))
            key, version, correlation = request.number("h"), request.number("h"), request.number("i")
            request.text()
            if key == API_VERSIONS:
                error = 0 if version == 0 else UNSUPPORTED_VERSION
                known = [struct.pack(">hhh", api, 0, number) for api, number in VERSIONS.items()]
                self.answer(correlation, struct.pack(">h", error) + array(known))
            elif VERSIONS.get(key) != version:
                raise ValueError(f"request {key} version {version} is not known here")
            elif key == FETCH:
                self.fetch(correlation, request)
            else:
                self.answer(correlation, answers[key](request))

    def receive(self, count):
        data = bytearray(count)
        view = memoryview(data)
        while len(view):
            got = self.request.recv_into(view)
            if got == 0:
                return None
            view = view[got:]
        return data

    def answer(self, correlation, body):
        self.request.sendall(struct.pack(">ii", len(body) + 4, correlation) + body)

    def topics(self, request, each):
        """Of every topic and partition asked for, what `each` reads of the request."""
        return request.array(lambda: (request.text(), request.array(lambda: (request.number("i"), each()))))

    def partition(self, topic, number):
        partitions = self.server.partitions
        return partitions[number] if topic == self.server.topic and 0 <= number < len(partitions) else None

    def produce(self, request):
        request.text(), request.number("h"), request.number("i")
        answer = []
        for topic, entries in self.topics(request, request.bytes):
            done = []
            for number, batches in entries:
                partition = self.partition(topic, number)
                error, offset = (0, partition.append(batches)) if partition else (UNKNOWN_TOPIC, -1)
                done.append(struct.pack(">ihqq", number, error, offset, -1))
            answer.append(text(topic) + array(done))
        return array(answer) + struct.pack(">i", 0)

    def list_offsets(self, request):
        request.number("i")
        answer = []
        for topic, entries in self.topics(request, lambda: request.number("q")):
            ends = []
            for number, stamp in entries:
                partition = self.partition(topic, number)
                error, offset = (0, 0 if stamp == -2 else partition.end) if partition else (UNKNOWN_TOPIC, -1)
                ends.append(struct.pack(">ihqq", number, error, -1, offset))
            answer.append(text(topic) + array(ends))
        return array(answer)

    def metadata(self, request):
        asked = request.array(request.text) or [self.server.topic]
        host, port = self.server.server_address
        broker = struct.pack(">i", NODE) + text(host) + struct.pack(">ih", port, -1)
        one = array([struct.pack(">i", NODE)])
        topics = []
        for name in asked:
            known = name == self.server.topic
            partitions = [struct.pack(">hii", 0, n, NODE) + one + one for n in range(len(self.server.partitions) if known else 0)]
            topics.append(struct.pack(">h", 0 if known else UNKNOWN_TOPIC) + text(name) + b"\0" + array(partitions))
        return array([broker]) + struct.pack(">i", NODE) + array(topics)

    def find_coordinator(self, request):
        host, port = self.server.server_address
        return struct.pack(">hi", 0, NODE) + text(host) + struct.pack(">i", port)

    def init_producer_id(self, request):
        return struct.pack(">ihqh", 0, 0, self.server.producer_id(), 0)

    def fetch(self, correlation, request):
        request.number("i")
        wait, _, limit, _ = request.number("i"), request.number("i"), request.number("i"), request.number("b")
        asked = self.topics(request, lambda: (request.number("q"), request.number("i")))
        deadline = time.monotonic() + wait / 1_000
        while True:
            left, found = limit, []
            for topic, entries in asked:
                for number, (offset, most) in entries:
                    partition = self.partition(topic, number)
                    place, length = partition.find(offset, min(most, left)) if partition and left > 0 else (0, 0)
                    left -= length
                    found.append((topic, number, offset, partition, place, length))
            if left < limit or time.monotonic() >= deadline:
                break
            time.sleep(0.002)
        self.send(correlation, asked, found)

    def send(self, correlation, asked, found):
        """Head by head, and behind each its batches from the file."""
        pieces, entry = [[struct.pack(">ii", 0, len(asked)), None]], iter(found)
        for topic, entries in asked:
            pieces[-1][0] += text(topic) + struct.pack(">i", len(entries))
            for _ in entries:
                _, number, offset, partition, place, length = next(entry)
                end = partition.end if partition else -1
                error = UNKNOWN_TOPIC if not partition else OFFSET_OUT_OF_RANGE if not 0 <= offset <= end else 0
                pieces[-1][0] += struct.pack(">ihqqii", number, error, end, end, -1, length)
                if length:
                    pieces[-1][1] = (partition, place, length)
                    pieces.append([b"", None])
        total = sum(len(head) + (body[2] if body else 0) for head, body in pieces)
        out = struct.pack(">ii", total + 4, correlation)
        for head, body in pieces:
            out += head
            if body:
                self.request.sendall(out, socket.MSG_MORE)
                out = b""
                partition, place, length = body
                while length:
                    sent = os.sendfile(self.request.fileno(), partition.file.fileno(), place, length)
                    if sent == 0:
                        raise ValueError("a file has become shorter")
                    place, length = place + sent, length - sent
        self.request.sendall(out)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True

    def __init__(self, arguments):
        super().__init__(("127.0.0.1", arguments.port), Connection)
        os.makedirs(arguments.directory, exist_ok=True)
        self.topic = arguments.topic
        self.partitions = [Partition(f"{arguments.directory}/{arguments.topic}-{n}") for n in range(arguments.partitions)]
        self.lock, self.producers = threading.Lock(), 0

    def producer_id(self):
        with self.lock:
            self.producers += 1
            return self.producers

    def handle_error(self, request, address):
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            print(f"topic_server: {address[0]}:{address[1]}: {error}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", help="where the topic is kept")
    parser.add_argument("--topic", default="millrace-bench")
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1 (default: a free one)")
    server = Server(parser.parse_args())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("%s:%d" % server.server_address, flush=True)
    sys.stdin.buffer.read()


main()
