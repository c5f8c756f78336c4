"""An emulated uplink: a bandwidth trace, the shaper that turns it into delivery times, and the async rim."""
