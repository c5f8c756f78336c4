"""What frames cost the machine beside the device, measured with the code that serves."""
