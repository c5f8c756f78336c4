"""Cameras that speak RTSP, with the faults of real ones, for tests and benchmarks.

A camera is a process of its own around the RTSP server of GStreamer (Debian's packages; `camera.why_not` says what is
missing). What it shows is encoded before (`clips`), each picture with its number drawn into it (`numbers`), so that
whoever gets a picture can say when it was captured in truth.
"""
