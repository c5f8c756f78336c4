"""Emulated cameras: one coroutine each, and the ledger that gives every captured frame its one outcome."""
