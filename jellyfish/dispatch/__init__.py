"""From a decoded frame to its detections: a deadline-ordered queue, batches and the device that runs them."""
