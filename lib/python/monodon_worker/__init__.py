"""The worker that runs a Python WSGI app (PEP 3333) behind monodon.

It needs Python 3.9 and nothing but the standard library. How it talks to the server is written in
docs/worker-protocol.md.
"""
