"""What runs networks: devices, how long they take, and the thread that a batch runs on."""
