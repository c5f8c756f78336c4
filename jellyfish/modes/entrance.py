"""Who may come in to a server, and by what certificate it is known: read of files, and again when it is told to."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from jellyfish.config import ServerConfig
from jellyfish.server.access import Access, AccessRules, RouteKind
from jellyfish.server.certificates import fingerprint, load, own_certificate, server_context
from jellyfish.server.gate.addresses import loopback
from jellyfish.server.tokens import read_tokens, tokens_of

ANY = ("0.0.0.0", "::")
"""Addresses to listen at that stand for all."""


class Entrance:
    """A server's rules and certificate, as its configuration has them."""

    def __init__(self, config: ServerConfig, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: its variables, which may hold tokens. InputError for files that cannot be used."""
        self._environment = environment or {}
        self.access = Access(self._rules(config))
        self.certificate: Path | None = None
        self.tls: ssl.SSLContext | None = None
        """None where nothing is encrypted here."""
        if config.access.tls:
            self.certificate, key = _files(config)
            self.tls = server_context(self.certificate, key)

    def read_again(self, config: ServerConfig) -> None:
        """Go by the files as they are now. InputError, and all as before, where one of them cannot be used."""
        rules = self._rules(config)
        if self.tls is not None and config.access.tls:
            self.certificate, key = _files(config)
            load(self.tls, self.certificate, key)
        self.access.replace(rules)

    def pem(self, config: ServerConfig) -> tuple[bytes, bytes] | None:
        """Key and certificate as files have them, for who sets up TLS himself; None where nothing is encrypted here."""
        if self.tls is None:
            return None
        certificate, key = _files(config)
        return (key or certificate).read_bytes(), certificate.read_bytes()

    def warnings(self, config: ServerConfig) -> list[str]:
        """What whoever starts the server must know of who may come in."""
        rules = self.access.rules
        if of_this_machine(config.host):
            return []
        if not rules.asks_for_token(RouteKind.CAMERA):
            return [
                f"ANYBODY who reaches {config.host} may use this server, and watch its cameras: it asks for no token. "
                "Give it some with --tokens FILE (docs/security.md), or let it listen on 127.0.0.1 alone"
            ]
        warnings = []
        if not rules.asks_for_token(RouteKind.WATCH):
            warnings.append(f"ANYBODY who reaches {config.host} may watch its cameras: `without_token` has `watch`")
        if self.tls is None and not config.limits.proxies:
            warnings.append(
                "tokens and frames go over the network unencrypted: give --tls-certificate and --tls-key, --tls "
                "self-signed, or put a proxy before it that speaks TLS (docs/security.md)"
            )
        return warnings

    def notes(self, config: ServerConfig) -> list[str]:
        """What they need to know to connect."""
        if not config.access.self_signed or self.certificate is None:
            return []
        return [
            f"its certificate is its own work ({self.certificate}, SHA-256 {fingerprint(self.certificate)}): "
            "cameras take it with --ca-file and that file; a browser warns that the connection is not private, "
            "and goes on when told to, if that is the certificate that it shows"
        ]

    def _rules(self, config: ServerConfig) -> AccessRules:
        access = config.access
        from_file, without_token = read_tokens(access.tokens) if access.tokens is not None else ((), frozenset())
        return AccessRules(
            (*from_file, *tokens_of(self._environment)),
            without_token,
            frozenset(_names(config)),
            frozenset(access.origins),
            config.limits.proxies,
        )


def _files(config: ServerConfig) -> tuple[Path, Path | None]:
    """The certificate's, and its key's where that is another."""
    access = config.access
    if not access.self_signed:
        assert access.certificate is not None
        return access.certificate, access.key
    return own_certificate(kept_in(), {"localhost", "127.0.0.1", "::1", *_names(config)})


def kept_in() -> Path:
    """The folder of a certificate that a server makes itself."""
    return Path(platformdirs.user_data_dir("jellyfish")) / "tls"


def _names(config: ServerConfig) -> set[str]:
    """What the server may be called: by its machine, by where it listens, and by what it was told."""
    listens = () if config.host in ANY else (config.host,)
    return {name.lower() for name in (socket.gethostname(), *listens, *config.access.hosts)}


def of_this_machine(host: str) -> bool:
    """Whether only programs of this machine reach what listens there."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"
    return loopback(host)
