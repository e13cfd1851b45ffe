"""`wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling")."""

import io
import os
import stat

_FILES = (io.BufferedReader, io.BufferedRandom)


class FileWrapper:
    """An iterable over the blocks of a file-like object; a plain file is sent by the server itself.

    `filelike` needs `read(size)`; its `close`, if it has one, is called with the response's end.
    """

    def __init__(self, filelike, block_size=65536):
        self.filelike = filelike
        self.block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self):
        return self

    def __next__(self):
        block = self.filelike.read(self.block_size)
        if block:
            return block
        raise StopIteration


def part_of_file(filelike):
    """`(descriptor, offset, length)` of what is left to read; None for what is no plain file."""
    file = _plain_file(filelike)
    if file is None:
        return None
    try:
        descriptor = file.fileno()
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        offset = file.tell()
    except (OSError, ValueError):
        return None
    return descriptor, offset, max(0, status.st_size - offset)


def close_all(descriptors):
    """Closes descriptors, and forgets them."""
    for descriptor in descriptors:
        os.close(descriptor)
    descriptors.clear()


def _plain_file(filelike):
    """The file itself, if reading `filelike` is nothing but reading a file.

    A descriptor alone proves nothing: that of a `GzipFile` has other bytes. So what counts is whose
    `read` it is: a proxy that passes on the method of its file (Django's `File`, `tempfile`'s
    wrappers) is that file.
    """
    read = getattr(filelike, "read", None)
    read = getattr(read, "__wrapped__", read)
    file = getattr(read, "__self__", None)
    if type(file) is io.FileIO:
        return file
    if type(file) in _FILES and type(file.raw) is io.FileIO:
        return file
    return None
