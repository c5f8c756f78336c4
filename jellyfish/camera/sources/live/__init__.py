"""Sources whose frames come when they come: network cameras, webcams, and files played as if they were cameras."""
