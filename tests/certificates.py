"""Certificates of an authority that no machine trusts."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates; `file` holds its own, in PEM."""

    def __init__(self, folder: Path, *, signer: Authority | None = None) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("below" if signer else "above")
        made = _builder(self._name, days=30).public_key(self._key.public_key())
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        issuer = signer or self
        signed = made.issuer_name(issuer._name).sign(issuer._key, hashes.SHA256())
        self.file = folder / f"{'below' if signer else 'above'}.pem"
        self.file.write_bytes(signed.public_bytes(_PEM))

    def intermediate(self) -> Authority:
        """Return an authority that this one vouches for."""
        return Authority(self._folder, signer=self)

    def certificate(self, address: str, *, days: int = 1, names: tuple[str, ...] = ()) -> Path:
        """Return a PEM file with a server's key and certificate, valid for that many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = [x509.IPAddress(ipaddress.ip_address(address))]
        alternative = x509.SubjectAlternativeName([*addresses, *map(x509.DNSName, names)])
        made = _builder(_name(address), days=days).public_key(key.public_key())
        made = made.add_extension(alternative, critical=False).issuer_name(self._name)
        path = self._folder / f"{self.file.stem}-{address}-{days}.pem"
        private = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + made.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        return path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(name: x509.Name, *, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )
