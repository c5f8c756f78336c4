"""A device that answers each of its frames itself, at once, and asks a server far away about some of them.

Source: Clownfish (SEC 2020). `device` captures, runs the small network and fuses; `cloud` is the way to the large one;
`account` and `score` keep the books.
"""
