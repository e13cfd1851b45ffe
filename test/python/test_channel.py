"""The socket to the server: descriptors come with the batch that has their records."""

import socket
import struct
import tempfile
import unittest
from unittest import mock

from server import layout  # It also says where the worker's modules are.
from monodon_worker import records
from monodon_worker.channel import Channel

HEAD = struct.Struct("<3I")
RECORD = struct.Struct("<2I")


class Descriptors(unittest.TestCase):
    def setUp(self):
        theirs, self.ours = socket.socketpair()
        self.ours.settimeout(10)
        for end in (theirs, self.ours):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self.addCleanup(end.close)
        self.channel = Channel(theirs)

    def read(self, count):
        """Reads batches: kinds of records and `take` of each, and what is in all files that came."""
        data = b""
        found = []
        files = []
        while len(found) < count:
            more, descriptors, _, _ = socket.recv_fds(self.ours, 1 << 20, layout.BATCH_FILES)
            self.assertTrue(more)
            data += more
            for descriptor in descriptors:
                with open(descriptor, "rb") as file:
                    file.seek(0)
                    files.append(file.read())
            while len(data) >= HEAD.size and len(data) >= HEAD.size + HEAD.unpack_from(data)[0]:
                size, _, take = HEAD.unpack_from(data)
                found.append((self.kinds(data[HEAD.size : HEAD.size + size]), take))
                data = data[HEAD.size + size :]
        return found, files

    def kinds(self, data):
        kinds = []
        at = 0
        while at < len(data):
            size, first = RECORD.unpack_from(data, at)
            kinds.append(first & 0xFF)
            at += size
        return kinds

    def file(self, text):
        file = tempfile.TemporaryFile()
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return file.fileno()

    def test_several_with_one_batch(self):
        texts = [b"%d" % index for index in range(layout.BATCH_FILES)]
        files = [records.file(index, 0, 1) for index in range(layout.BATCH_FILES)]
        self.channel.send(files, 5, [self.file(text) for text in texts])
        found, come = self.read(1)
        self.assertEqual(found, [([layout.KIND_FILE] * layout.BATCH_FILES, 5)])
        self.assertEqual(come, texts)

    def test_with_the_part_of_a_batch_that_has_their_records(self):
        large = records.chunk(1, b"x" * (layout.BATCH_BYTES // 2))
        sent = [records.file(1, 0, 1), large, large, records.file(2, 0, 1), records.file(3, 0, 1)]
        files = [self.file(text) for text in (b"a", b"b", b"c")]
        with mock.patch("socket.send_fds", side_effect=socket.send_fds) as send_fds:
            self.channel.send(sent, 7, files)
        found, come = self.read(2)
        self.assertEqual(
            found,
            [
                ([layout.KIND_FILE, layout.KIND_CHUNK], 0),
                ([layout.KIND_CHUNK, layout.KIND_FILE, layout.KIND_FILE], 7),
            ],
        )
        self.assertEqual(come, [b"a", b"b", b"c"])
        self.assertEqual([call.args[2] for call in send_fds.call_args_list], [files[:1], files[1:]])


if __name__ == "__main__":
    unittest.main()
