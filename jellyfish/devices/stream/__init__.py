"""A device behind a stream of bytes: in a process of its own on this machine, or on another one.

`messages` and `framing` are what is said (pure); `way` is what the stream takes beside the device (pure); `front_end`
is the server's end, `executor` what the dispatcher sees of it; `worker_end` is the device's.
"""
