"""Stand-ins for what is real: devices that take the profiled time, frames without pictures, sockets in memory."""
