"""From the start of the process to its end: the first message, the app, the worker."""

import faulthandler
import gc
import json
import os
import signal
import socket
import sys
import time

from . import log
from .channel import Channel, ServerGone, leave
from .layout import KIND_TELL, LAYOUT_VERSION
from .load import CannotLoad, load_app
from .notables import Notables
from .records import say
from .serial import SerialWorker
from .threaded import ThreadedWorker

_DESCRIPTOR = 3
_EXIT_NOT_LOADED = 3
_EXIT_USAGE = 2
_EXIT_MILLISECONDS = 1000
#: The kernel stamps files by a clock that may be this late: a tick of 100 Hz.
_TICK_NANOSECONDS = 10_000_000
_PR_SET_PDEATHSIG = 1
#: Characters of a text for people; in JSON one has at most 12 bytes.
_MAX_TEXT = 20_000
#: A terminal and systemd send these to every process of a group. The server says when to stop.
_SIGNALS_OF_THE_SERVER = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def main(argv):
    """Runs the worker: `APP` with a socket as descriptor 3, or `--check START` without one."""
    if len(argv) == 3 and argv[1] == "--check":
        _check(json.loads(argv[2]))
        return
    try:
        connection = socket.socket(fileno=_DESCRIPTOR)
    except OSError:
        sys.stderr.write("this is the worker of monodon, which starts it; run: monodon APP\n")
        sys.exit(_EXIT_USAGE)
    channel = Channel(connection)
    data, count = channel.receive()
    start = _start_message(data)
    _die_with_server()
    notables = Notables(channel)
    notables.hear_log()
    worker = _boot(start, channel)
    notables.hear_logging()
    # What came with the first message.
    for _ in worker.requests(data, count):
        pass
    try:
        worker.run()
    except ServerGone:
        # What the app does at the exit is done, if it does not take long.
        worker.stop(_EXIT_MILLISECONDS)
    notables.end()


def _start_message(data):
    first = int.from_bytes(data[4:8], "little")
    size = int.from_bytes(data[12:16], "little")
    message = json.loads(data[16 : 16 + size]) if first & 0xFF == KIND_TELL else {}
    if message.get("type") != "start":
        log.log("critical", "the first message of the server is not `start`; the worker ends")
        leave(1)
    return message


def _boot(start, channel):
    """Loads the app and makes the worker; ends the process where that fails."""
    options = start["options"]
    loads = None
    if options.get("reload"):
        # Python takes bytecode for that of a file by the second in which that was changed and its size: of
        # two edits within a second it would not see the later one.
        sys.dont_write_bytecode = True
        loads = _loads()
    try:
        app, reason = _load(start)
        message = {"type": "ready", "kind": "python", "reason": reason}
    except CannotLoad as failure:
        text = _bounded(str(failure))
        if loads is not None:
            channel.send(loads.messages(failure.raised), 0)
        # Without a code it is not the app that is at fault.
        if not start.get("staysBroken") or not failure.code:
            channel.send([say({"type": "failed", "text": text})], 0)
            leave(_EXIT_NOT_LOADED)
        from .explain import Broken  # Only needed to explain a failure.

        app, loads = Broken(failure, options["dev"]), None
        message = {"type": "broken", "text": text}
    kind = ThreadedWorker if options["threads"] > 1 else SerialWorker
    worker = kind(channel, app, options, start["facts"], sys.stderr)
    if loads is not None:
        channel.send(loads.messages(), 0)
        worker.app = loads.after_each_call(app, worker.add)
    # What is loaded stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    channel.send([say(message)], 0)
    return worker


def _loads():
    from .loads import Loads  # Only needed for `--reload`.

    return Loads(time.time_ns() - _TICK_NANOSECONDS)


def _bounded(text):
    """A text that fits into a batch, whatever its characters: the first lines and the last."""
    if len(text) <= _MAX_TEXT:
        return text
    return f"{text[: _MAX_TEXT // 2]}\n[...]\n{text[-_MAX_TEXT // 2 :]}"


def _check(start):
    """Loads the app and says on standard output what came of it, in one line of JSON."""
    # What the app prints must not mix with it.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        _, reason = _load(start)
        message, status = {"type": "ready", "kind": "python", "reason": reason}, 0
    except CannotLoad as failure:
        message, status = {"type": "failed", "text": str(failure)}, _EXIT_NOT_LOADED
    os.write(answer, json.dumps(message).encode() + b"\n")
    leave(status)


def _load(start):
    _prepare_process()
    if start["layout"] != LAYOUT_VERSION:
        raise CannotLoad(
            f"the server speaks version {start['layout']} of the worker protocol and the Python "
            f"worker version {LAYOUT_VERSION}: install monodon again, so that both are of one "
            "release"
        )
    options = start["options"]
    log.set_level(options["logLevel"])
    log.set_format(options["logFormat"])
    sys.argv[:] = ["monodon"]
    _set_path(options["pythonpath"])
    return load_app(start["app"])


def _set_path(pythonpath):
    """Puts the folders of `pythonpath`, then the current one, before all others."""
    folders = [os.path.abspath(folder) for folder in pythonpath]
    folders.append(os.getcwd())
    sys.path[:0] = folders


def _prepare_process():
    # Handlers that do nothing: ignored signals would be ignored in the app's child processes too.
    for number in _SIGNALS_OF_THE_SERVER:
        signal.signal(number, _do_nothing)
    os.register_at_fork(after_in_child=_restore_signals)
    faulthandler.enable()
    # The server sends it to a worker that hangs before it kills it: the stacks tell where.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # Lines of a traceback belong together, whatever standard error is.
    sys.stderr.reconfigure(line_buffering=True)


def _restore_signals():
    """A child that the app forks is the app's to end."""
    for number in _SIGNALS_OF_THE_SERVER:
        if signal.getsignal(number) is _do_nothing:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)


def _die_with_server():
    """Has the kernel kill this process when the server dies: an app in a loop would not notice."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        # Where there is no C library to call, the end of the socket has to do.
        pass


def _do_nothing(number, frame):
    pass
