"""make_environment.py FOLDER REQUIREMENTS...

Makes a virtual environment with what the requirements files list, unless it is there already. Any
number of processes may call it at a time: one makes it, the others wait. The kernel drops the lock
of a process that dies.
"""

import fcntl
import pathlib
import subprocess
import sys
import venv


def main(folder, *requirements):
    folder = pathlib.Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f'{folder}.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = '\n'.join([sys.version, sys.executable, *map(text_of, requirements)])
        stamp = folder / 'installed'
        if stamp.exists() and stamp.read_text() == wanted:
            return
        venv.create(folder, clear=True, with_pip=True)
        options = [option for path in requirements for option in ('-r', path)]
        pip = [folder / 'bin/python', '-m', 'pip', '--disable-pip-version-check', '--quiet']
        subprocess.run([*pip, 'install', *options], check=True)
        stamp.write_text(wanted)


def text_of(path):
    return pathlib.Path(path).read_text()


if __name__ == '__main__':
    main(*sys.argv[1:])
