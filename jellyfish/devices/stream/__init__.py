"""A device behind a stream of bytes: in a process of its own on this machine, or on another one.

`messages` and `framing` are what is said, `way` is what the stream takes beside the device (all pure). `connection` is
either end; `link` keeps a server's (a front's), `executor` is what its dispatcher sees of it; `worker_end` is the
device's.
"""
