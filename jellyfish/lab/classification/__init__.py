"""A classifier learned from labelled objects cut out of frames, and a clip of such cut-outs to watch it with."""
