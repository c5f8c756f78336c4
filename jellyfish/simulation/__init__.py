"""Stand-ins for everything real: devices that take the profiled time, frames without pictures, sockets in memory, faults."""
