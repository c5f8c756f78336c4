"""What stands between the network and the HTTP server: it decides on bytes, before anybody reads them."""
