"""Where gRPC listens is looked at before anything slow begins."""

from __future__ import annotations

import socket

import pytest

from jellyfish.cli.needs import needs
from jellyfish.config import ServerConfig
from jellyfish.errors import InputError
from jellyfish.modes.checks import free_for_grpc


def test_a_port_that_is_taken_or_the_server_s_own_is_refused() -> None:
    with pytest.raises(InputError, match="both 8765"), free_for_grpc(ServerConfig(port=8765, grpc_port=8765)):
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = ServerConfig(grpc_port=taken.getsockname()[1])
        with pytest.raises(InputError, match="taken"), free_for_grpc(config):
            pass
    with free_for_grpc(ServerConfig(port=0, grpc_port=0)), free_for_grpc(ServerConfig()):
        pass


OTHERS = {"spans": None, "tls": None, "track": False, "mqtt": None, "engine": "local"}


def test_its_package_is_asked_for_only_where_it_is_used() -> None:
    assert "grpc" in needs("serve", OTHERS | {"grpc_port": 0})
    assert "grpc" not in needs("serve", OTHERS | {"grpc_port": None})
