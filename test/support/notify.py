"""Collects what a service tells its manager: `notify.py SOCKET` prints `PID JSON` for each message.

A name that begins with `@` is one without a file.
"""

import json
import socket
import struct
import sys

name = sys.argv[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
manager.bind("\0" + name[1:] if name.startswith("@") else name)
print("0 []", flush=True)
while True:
    message, ancillary, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(12))
    pid, _, _ = struct.unpack("3i", ancillary[0][2])
    print(pid, json.dumps(message.decode().split("\n")), flush=True)
