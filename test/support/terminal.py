"""Runs a command in a terminal of its own, as a shell with job control would.

    python3 terminal.py COMMAND...

What is typed comes by standard input, what is shown goes to standard output. Lines on descriptor 3
are asked: `mode` answers `raw` or `cooked`, `foreground` continues the job, `size:80x24` makes the window
so many columns wide and rows high; it says `stopped` and
`ended CODE` there by itself.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios


def shell(command, mode):
    """The session's leader: runs the command as the job in the foreground, and tells of it."""
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.closerange(3, 16)
        os.execvp(command[0], command)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            # A shell takes the terminal back, with the modes that it had.
            os.tcsetpgrp(0, os.getpgrp())
            termios.tcsetattr(0, termios.TCSANOW, mode)
            os.write(3, b"stopped\n")
            os.read(4, 1)
            os.tcsetpgrp(0, job)
            os.killpg(job, signal.SIGCONT)
        else:
            os.write(3, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())
            # The terminal lives as long as its session.
            os.read(4, 1)
            os._exit(0)


def main(command):
    reading, writing = os.pipe()
    leader, terminal = pty.fork()
    if leader == 0:
        # By which it is told to continue the job.
        if reading != 4:
            os.dup2(reading, 4)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        shell(command, termios.tcgetattr(0))
    is_open = True
    while is_open:
        for descriptor in select.select([0, 3, terminal], [], [])[0]:
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                data = b""
            if descriptor == terminal:
                os.write(1, data)
                is_open = bool(data)
            elif descriptor == 0:
                os.write(terminal, data)
            elif not data:
                is_open = False
            else:
                for question in data.split():
                    if question == b"mode":
                        raw = not termios.tcgetattr(terminal)[3] & termios.ICANON
                        os.write(3, b"raw\n" if raw else b"cooked\n")
                    elif question.startswith(b"size:"):
                        columns, rows = map(int, question[5:].split(b"x"))
                        size = struct.pack("HHHH", rows, columns, 0, 0)
                        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
                    elif question == b"foreground":
                        os.write(writing, b"f")


main(sys.argv[1:])
