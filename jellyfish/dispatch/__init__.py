"""From a decoded frame to its answer: a deadline-ordered queue, batches and the device that runs them."""
