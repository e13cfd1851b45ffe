"""Starts a server as systemd does one that is activated by sockets: `activate.py SPEC... -- COMMAND`.

Each SPEC is `tcp`, `unix:PATH`, `dgram`, `idle` (bound, and does not listen) or `file`: descriptors 3, 4
and so on. What they are goes to standard output, one a line. The command has the process id of this
program, as LISTEN_PID says; with `LISTEN_PID` in the environment it is another's.
"""

import os
import socket
import sys


def opened(spec):
    if spec == "file":
        return os.open(os.devnull, os.O_RDONLY), "file"
    if spec.startswith("unix:"):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(spec[len("unix:"):])
    else:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if spec == "dgram" else socket.SOCK_STREAM)
        made.bind(("127.0.0.1", 0))
    if spec not in ("dgram", "idle"):
        made.listen(64)
    name = made.getsockname()
    return made.detach(), name if isinstance(name, str) else str(name[1])


at = sys.argv.index("--")
# Numbers that are not given away yet.
pairs = [opened(spec) for spec in sys.argv[1:at]]
high = [os.dup2(fd, 100 + at) for at, (fd, _) in enumerate(pairs)]
for at, (fd, name) in enumerate(zip(high, (name for _, name in pairs))):
    os.dup2(fd, 3 + at)
    print(name, flush=True)
os.closerange(100, 100 + len(pairs))
os.closerange(3 + len(pairs), 100)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.environ["LISTEN_FDS"] = str(len(pairs))
os.environ["LISTEN_FDNAMES"] = ":".join("web%d" % at for at in range(len(pairs)))
command = sys.argv[sys.argv.index("--") + 1:]
os.execvp(command[0], command)
