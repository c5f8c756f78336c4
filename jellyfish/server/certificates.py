"""Certificates: those that a server is given, and one that it makes itself (extra `tls`)."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from jellyfish.errors import InputError
from jellyfish.whole_files import written_whole

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

VALID_DAYS, RENEWED_DAYS = 397, 30
"""How long a certificate of our own is good for, and how long before its end another one is made."""
CERTIFICATE, KEY = "certificate.pem", "key.pem"


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What a server speaks TLS with, from version 1.2 on. InputError for files that are no certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load(context, certificate, key)
    return context


def load(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Have connections from now on shown this certificate. InputError, and all as before, where it cannot be."""
    for path in (certificate, key or certificate):
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputError(f"the certificate cannot be read: {path}: {error.strerror}") from error
    for tried in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
        try:
            tried.load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise InputError(_why_unusable(certificate, key, error)) from error


def _no_password() -> str:
    raise ValueError("the key has a password")


def _why_unusable(certificate: Path, key: Path | None, error: Exception) -> str:
    if isinstance(error, ValueError) and not isinstance(error, ssl.SSLError):
        return f"{key or certificate}: the key has a password: give one without, that only the server can read"
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return f"{key or certificate} is not the key of the certificate {certificate}"
    both = f"{certificate} and {key}" if key else f"{certificate}"
    return f"{both}: no certificate and its key in PEM ({getattr(error, 'reason', None) or error})"


def own_certificate(folder: Path, names: Iterable[str]) -> tuple[Path, Path]:
    """Files of a certificate for these names and addresses, and its key, kept in `folder`; made where there is none, or
    where it ends soon or is for others. InputError where they cannot be written.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    wanted = sorted(set(names))
    try:
        if not (key.exists() and _is_for(certificate, wanted)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(certificate, key, wanted)
    except OSError as error:
        raise InputError(f"a certificate cannot be kept in {folder}: {error.strerror}") from error
    return certificate, key


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, as browsers show it."""
    digest = digest_of(certificate)
    return ":".join(digest[start : start + 2] for start in range(0, len(digest), 2)).upper()


def digest_of(certificate: Path) -> str:
    """SHA-256, in hexadecimal, of the first certificate of a file, which may have its key in it, too."""
    pem = certificate.read_text()
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return sha256(ssl.PEM_cert_to_DER_cert(pem[pem.index(begin) : pem.index(end) + len(end)] + "\n")).hexdigest()


def _is_for(certificate: Path, names: list[str]) -> bool:
    from cryptography import x509

    if not certificate.exists():
        return False
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    known = sorted([*told.get_values_for_type(x509.DNSName), *map(str, told.get_values_for_type(x509.IPAddress))])
    return known == names and found.not_valid_after_utc > datetime.now(UTC) + timedelta(days=RENEWED_DAYS)


def _make(certificate: Path, key: Path, names: list[str]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    own = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Jellyfish, made by itself")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(own, hashes.SHA256())
    )
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    for old in (certificate, key):  # a certificate that is there has its own key beside it
        old.unlink(missing_ok=True)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(own.private_bytes(pem, pkcs8, plain))
    with written_whole(certificate) as path:
        path.write_bytes(made.public_bytes(pem))


def _general(name: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
