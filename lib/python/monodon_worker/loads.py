"""Which files the app has loaded, for `--reload`."""

import os
import sys
import sysconfig

from . import records

#: Characters of paths in a message, which has to fit into a batch.
_MESSAGE_CHARACTERS = 20_000
#: What comes with Python, and this package: no part of the app.
_OTHERS = (
    os.path.dirname(os.path.abspath(__file__)) + os.sep,
    *(
        sysconfig.get_path(name) + os.sep
        for name in ("stdlib", "platstdlib")
        if sysconfig.get_path(name)
    ),
)


class Loads:
    """Finds the files of modules that were imported since it last looked.

    `since` is when the loading began, in nanoseconds: what has changed after that may have been
    loaded before it changed.
    """

    def __init__(self, since):
        self.since = since
        self.modules = 0
        self.known = set()

    def messages(self, error=None):
        """The messages about what is new, as records; also what `error` tells of."""
        if error is None and len(sys.modules) == self.modules:
            return []
        files = set()
        self.modules = len(sys.modules)
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str):
                files.add(file)
        files.update(_files_of_error(error))
        found = sorted(self._new(files))
        return [records.say({"type": "loaded", "files": part}) for part in _parts(found)]

    def after_each_call(self, app, add):
        """The app, with a look after each call at what it has imported; `add` takes the records."""
        self.since = None

        def reporting(environ, start_response):
            try:
                return app(environ, start_response)
            finally:
                for message in self.messages():
                    add(message)

        return reporting

    def _new(self, files):
        for file in files:
            path = os.path.abspath(_source_of(file))
            if path in self.known or _is_other(path):
                continue
            self.known.add(path)
            yield path, self._version(path)

    def _version(self, path):
        """As `versionOf` makes it; empty where the file may be newer than what was loaded."""
        try:
            stats = os.stat(path)
        except OSError:
            return ""
        if self.since is not None and stats.st_mtime_ns > self.since:
            return ""
        return f"{stats.st_mtime_ns}:{stats.st_size}"


def _source_of(file):
    return file[:-1] if file.endswith(".pyc") else file


def _is_other(path):
    packages = f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}"
    # A folder of packages lies within that of the standard library.
    return path.startswith(_OTHERS) and not any(part in path for part in packages)


def _files_of_error(error):
    """A module that fails is in `sys.modules` no more, but in the traceback; one that is missing
    may come to be where the app's other modules are."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, SyntaxError) and error.filename:
            yield error.filename
        if isinstance(error, ModuleNotFoundError) and error.name:
            path = error.name.replace(".", os.sep)
            for folder in sys.path:
                yield os.path.join(folder, f"{path}.py")
                yield os.path.join(folder, path, "__init__.py")
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if not file.startswith("<"):
                yield file
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def _parts(found):
    part, size = [], 0
    for path, version in found:
        part.append((path, version))
        size += len(path)
        if size > _MESSAGE_CHARACTERS:
            yield part
            part, size = [], 0
    if part:
        yield part
