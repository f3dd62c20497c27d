"""Keep the truth of a study from its readers: encrypted with the lead's passphrase."""

from __future__ import annotations

import base64
import json
import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ihd_core.errors import StudyError
from ihd_core.json_values import count, only, text

FORMAT = "ihd sealed 1"
COST = 2**16
"""Scrypt's n, with r = 8 and p = 1: 64 MB and some tenths of a second for each guess at the passphrase."""
LEAST_COST, MOST_COST = 2**10, 2**20
SHORTEST = 8
"""Characters of a passphrase."""
_KEYS = {"format", "cost", "salt", "sealed"}


def seal(content: bytes, passphrase: str) -> bytes:
    """Encrypt content.

    The key is scrypt's of the passphrase with 16 random bytes; the rest is Fernet (AES-128-CBC with HMAC-SHA-256).

    Raises:
        StudyError: the passphrase is too short.
    """
    if len(passphrase) < SHORTEST:
        raise StudyError(f"the passphrase has {len(passphrase)} characters, at least {SHORTEST} are needed")
    salt = os.urandom(16)
    token = Fernet(_key(passphrase, salt, COST)).encrypt(content)
    described = {"format": FORMAT, "cost": COST, "salt": salt.hex(), "sealed": token.decode()}
    return (json.dumps(described, indent=1) + "\n").encode()


def unseal(sealed: bytes, passphrase: str, name: str) -> bytes:
    """Decrypt what seal() made.

    Args:
        sealed: its result.
        passphrase: the same.
        name: of the file, for messages.

    Raises:
        StudyError: it is not sealed, the passphrase is another one, or the file was changed.
    """
    try:
        described = json.loads(sealed)
        only(described, _KEYS, "the sealed file")
        if text(described, "format") != FORMAT:
            raise ValueError(f"format is {described['format']!r}, this program reads {FORMAT!r}")
        cost = count(described, "cost", least=LEAST_COST, most=MOST_COST)
        key = _key(passphrase, bytes.fromhex(text(described, "salt")), cost)
        return Fernet(key).decrypt(text(described, "sealed").encode())
    except InvalidToken:
        raise StudyError(f"{name}: the passphrase does not fit, or the file was changed") from None
    except (KeyError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise StudyError(f"{name}: is not sealed by this program ({' '.join(str(error).split())})") from error


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    return base64.urlsafe_b64encode(Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode()))
