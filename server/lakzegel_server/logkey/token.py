# SPDX-License-Identifier: EUPL-1.2
"""An Ed25519 key pair of a PKCS#11 token; the only importer of ``pkcs11``.

For the process of `child.py`: a module is a foreign library, which may hang or take the process
with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pkcs11

# EC_PARAMS of Ed25519: its object identifier (RFC 8410), or its name as PKCS#11 3.0 has it.
_CURVES: Final = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
_PUBLIC: Final = 32
_OCTETS: Final = b"\x04\x20"  # the head of a point that is wrapped as an OCTET STRING
_PIN: Final = frozenset(
    {
        *("PinIncorrect", "PinInvalid", "PinLenRange", "PinExpired", "PinLocked"),
        "UserPinNotInitialized",
    }
)


class TokenError(Exception):
    """Why the key cannot be used: ``code`` is extra, module, token, pin, key, curve or device."""

    def __init__(self, code: str, kind: str) -> None:
        super().__init__(f"{code}: {kind}")
        self.code = code
        self.kind = kind


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key that signs inside the token."""

    public: bytes
    private: Any

    def sign(self, message: bytes) -> bytes:
        """The bare Ed25519 signature.

        Raises:
            TokenError: the token does not sign.
        """
        from pkcs11 import Mechanism  # noqa: PLC0415 - an extra; here it has been imported

        try:
            return bytes(self.private.sign(message, mechanism=Mechanism.EDDSA))
        except Exception as error:  # noqa: BLE001 - whatever a foreign library's binding raises
            raise TokenError("device", type(error).__name__) from None


def open_key(module: str, token: str, key: str, pin: str, *, make: bool) -> KeyPair:
    """The key pair of these labels; with ``make`` a new one where there is none.

    Raises:
        TokenError: it cannot be had.
    """
    try:
        import pkcs11  # noqa: PLC0415 - an extra
    except ImportError:
        raise TokenError("extra", "ImportError") from None
    library = _attempt("module", lambda: pkcs11.lib(module))
    slot = _attempt("token", lambda: library.get_token(token_label=token))
    session = _attempt("device", lambda: slot.open(rw=make, user_pin=pin))
    try:
        return _find(session, key)
    except TokenError as error:
        if not make or error.kind != "NoSuchKey":
            raise
    return _make(session, key)


def _find(session: pkcs11.Session, label: str) -> KeyPair:
    from pkcs11 import Attribute, KeyType, ObjectClass  # noqa: PLC0415 - an extra

    def get(kind: ObjectClass) -> Any:  # noqa: ANN401 - what the binding returns
        return session.get_key(object_class=kind, key_type=KeyType.EC_EDWARDS, label=label)

    private = _attempt("key", lambda: get(ObjectClass.PRIVATE_KEY))
    public = _attempt("key", lambda: get(ObjectClass.PUBLIC_KEY))
    params = bytes(_attempt("key", lambda: public[Attribute.EC_PARAMS]))
    if params not in _CURVES:
        raise TokenError("curve", "not Ed25519")
    return KeyPair(_point(bytes(_attempt("key", lambda: public[Attribute.EC_POINT]))), private)


def _make(session: pkcs11.Session, label: str) -> KeyPair:
    """A new pair that never leaves the token."""
    from pkcs11 import Attribute, KeyType, Mechanism  # noqa: PLC0415 - an extra

    def generate(curve: bytes) -> None:
        parameters = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: curve}, local=True
        )
        parameters.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=label,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )

    try:
        _attempt("device", lambda: generate(_CURVES[0]))
    except TokenError:
        _attempt("device", lambda: generate(_CURVES[1]))
    return _find(session, label)


def _point(data: bytes) -> bytes:
    raw = data.removeprefix(_OCTETS) if len(data) == _PUBLIC + len(_OCTETS) else data
    if len(raw) != _PUBLIC:
        raise TokenError("curve", "not a point of Ed25519")
    return raw


def _attempt(code: str, work: Any) -> Any:  # noqa: ANN401 - objects of the binding
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever a foreign library's binding raises
        kind = type(error).__name__
        raise TokenError("pin" if kind in _PIN else code, kind) from None
