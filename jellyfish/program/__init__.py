"""The program as the system sees it: the files it is started with, signals, its end. Light, for it comes first."""
