"""What studies the system and never meets a frame in service: scenes, training, simulation, reproduction, studies.

The lab imports the house; the house never imports the lab. Only commands do, when they run.
"""
