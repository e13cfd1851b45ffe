"""The entry: `python3 FOLDER APP`, started by monodon. APP is only for those who look at `ps`."""

import sys

if __name__ == "__main__":
    # The path of this folder is not the app's business. It goes before the app's folder comes, so
    # that the app's modules can shadow none that the worker has imported.
    folder = sys.path[0]
    from monodon_worker.boot import main

    if sys.path[0] == folder:
        del sys.path[0]
    main(sys.argv)
