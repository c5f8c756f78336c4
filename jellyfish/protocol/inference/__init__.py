"""The Open Inference Protocol (version 2, as KServe and Triton speak it): its messages to values and back. Pure.

What is the same over REST and gRPC is here once; `rest` and `messages` are their two forms on the wire. Described in
docs/inference-protocol.md.
"""
