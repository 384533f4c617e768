"""Which certificates every connection trusts: the machine's, unless a file is configured.

The program decides what libraries and releases of Python decide differently: which store is the
machine's, and that an authority counts which curl and browsers accept as well.
"""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path

from auditor.errors import UsageError, may_pass

# Where systems keep their store. A Python that was not built by the system may look elsewhere.
_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Alpine, Arch
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL and its kin
    Path("/etc/ssl/ca-bundle.pem"),  # openSUSE
    Path("/etc/ssl/cert.pem"),  # macOS, BSD
)
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64  # of OpenSSL


def create_context(ca_file: Path | None = None, *, key: str = "ca_file") -> ssl.SSLContext:
    """Return a context that verifies servers.

    It trusts the certificates of `ca_file`, else of the machine: those of the environment's
    SSL_CERT_FILE and SSL_CERT_DIR, else of the system's store.

    Args:
        ca_file: PEM certificates.
        key: of `ca_file` in the configuration, for the message.

    Raises:
        UsageError: `ca_file` or SSL_CERT_FILE cannot be read or has no certificate.
    """
    named = os.environ.get("SSL_CERT_FILE")
    if ca_file is not None:
        context = _trust(ca_file, key)
    elif named:
        context = _trust(Path(named), "SSL_CERT_FILE", os.environ.get("SSL_CERT_DIR"))
    else:
        context = ssl.create_default_context(cafile=_bundle())
    # Python 3.13 refuses certificates of private authorities that curl and browsers accept, and
    # earlier ones do not trust an intermediate authority that is named on purpose.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def explain_distrust(error: ssl.SSLCertVerificationError, *, key: str | None = None) -> str:
    """Return why a server's certificate was refused, and what to do.

    Args:
        error: what the connection raised.
        key: of the file of certificates in the configuration, None where there is no such key.
    """
    why = f"its certificate is not trusted: {error.verify_message}"
    match error.verify_code:
        case code if code in (_NOT_YET_VALID, _EXPIRED):
            remedy = "renew it on the server, or correct this machine's clock"
        case code if code in (_OTHER_NAME, _OTHER_ADDRESS):
            remedy = "use the name that the certificate has"
        case _:
            place = f"name its file in {key} or SSL_CERT_FILE" if key else "set SSL_CERT_FILE"
            remedy = (
                "add the authority that signed it to this machine's store (package "
                f"ca-certificates, update-ca-certificates), or {place}"
            )
    return f"{why}; {remedy}"


def find_distrust(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the refusal of a certificate that caused an error, None if it has another cause."""
    for _ in range(8):  # libraries wrap each other's errors, but not for ever
        if error is None:
            return None
        # aiohttp derives an error from it that lacks what OpenSSL found.
        if isinstance(error, ssl.SSLCertVerificationError) and hasattr(error, "verify_code"):
            return error
        error = error.__cause__ or error.__context__
    return None


def _trust(path: Path, key: str, folder: str | None = None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path, capath=folder or None)
    except OSError as error:
        if may_pass(error):
            raise
        # OpenSSL's own messages about a file without PEM are of no help to an operator.
        is_bad_pem = isinstance(error, ssl.SSLError)
        reason = "contains no usable PEM" if is_bad_pem else f"cannot be read: {error.strerror}"
        raise UsageError(f"{key}: {path} {reason}") from error


def _bundle() -> Path | None:
    """Return the system's store, or None if OpenSSL finds it by itself."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None or _has_certificates(paths.capath):
        return None
    return next((path for path in _BUNDLES if path.is_file()), None)


def _has_certificates(folder: str | None) -> bool:
    """Return whether OpenSSL finds a certificate in the folder, by the hash of its name."""
    if folder is None:
        return False
    try:
        return any(_HASHED_NAME.fullmatch(path.name) for path in Path(folder).iterdir())
    except OSError:
        return False
