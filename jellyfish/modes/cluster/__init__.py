"""Workers of a cluster that Ray keeps (extra `ray`): where they run is Ray's to say, frames go to them directly.

Beside a server runs a process, the placer, which alone knows Ray (`placer`, `ray_cluster`). It has an actor, a keeper,
on each GPU or node (`places`), which reserves it and keeps a worker's program running there (`keeper`, `claims`,
`worker_child`). What the placer tells by lines (`lines`) the server makes devices of (`joined`).
"""
