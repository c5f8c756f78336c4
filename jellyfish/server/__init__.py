"""The stream server: one session per client, one coroutine per frame."""
