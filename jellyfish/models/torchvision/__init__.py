"""Static detectors in the place of the slimmable one's sizes: what serving was before networks had many sizes."""
