# SPDX-License-Identifier: EUPL-1.2
"""Known answers for the primitives that we build on, through our own code wherever it reaches.

They come with the `cryptography_vectors` package: NIST's ML-KEM-768 and ML-DSA-44, RFC 9180 HPKE,
the post-quantum HPKE draft, and RFC 8032 Ed25519.
"""

from __future__ import annotations

import json

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from lakzegel_core import age, age_header
from lakzegel_core.age import Identity, Recipient
from lakzegel_core.encoding import b64
from lakzegel_core.errors import SignatureError
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey

vectors = pytest.importorskip("cryptography_vectors")

HYBRID = 0x647A  # MLKEM768-X25519
SUITES = {
    (0x0020, 1, 1): (KEM.X25519, AEAD.AES_128_GCM),
    (0x0020, 1, 2): (KEM.X25519, AEAD.AES_256_GCM),
    (0x0020, 1, 3): (KEM.X25519, AEAD.CHACHA20_POLY1305),
}
AEADS = {1: AESGCM, 2: AESGCM, 3: ChaCha20Poly1305}


def records(name):
    """The records of a NIST response file: one of each count."""
    found, record = [], {}
    with vectors.open_vector_file(name, "r") as file:
        for line in file:
            label, equals, value = line.partition(" = ")
            if not equals:
                continue
            if label == "count" and record:
                found.append(record)
                record = {}
            record[label] = value.strip()
    return [*found, record]


def unhex(record, *labels):
    return [bytes.fromhex(record[label]) for label in labels]


def hpke(name):
    with vectors.open_vector_file(f"HPKE/{name}", "r") as file:
        return json.load(file)


# ML-DSA-44: the log's and cosigners' keys


def test_mldsa44_keys_and_signatures():
    """All answers are signed under a context; our notes have none, so none of them may hold."""
    answers = records("asymmetric/MLDSA/kat_MLDSA_44_det_pure.rsp")
    assert len(answers) >= 25
    for record in answers:
        seed, public, message, signed, context = unhex(record, "xi", "pk", "msg", "sm", "ctx")
        key = SigningKey.from_seed("kat.example/a", Algorithm.MLDSA44_COSIGNATURE, seed)
        assert key.verifier.public == public
        signature = signed[: len(signed) - len(message)]
        assert len(signature) == Algorithm.MLDSA44_COSIGNATURE.signature_size
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message, context)
        with pytest.raises(SignatureError):
            key.verifier.verify(signature, message)
        key.verifier.verify(key.sign(message), message)


# Ed25519: RFC 8032 §7.1


def test_ed25519_signatures():
    count = 0
    with vectors.open_vector_file("asymmetric/Ed25519/sign.input", "r") as file:
        for line in file:
            secret, public, message, signed = (bytes.fromhex(p) for p in line.split(":")[:4])
            key = SigningKey.from_seed("kat.example/a", Algorithm.ED25519, secret[:32])
            assert key.verifier == VerifierKey("kat.example/a", Algorithm.ED25519, public)
            assert key.sign(message) == signed[:64]
            key.verifier.verify(signed[:64], message)
            count += 1
    assert count >= 1000


# ML-KEM-768: half of a recipient


def test_mlkem768_keys_and_secrets():
    answers = records("asymmetric/MLKEM/kat_MLKEM_768.rsp")
    assert len(answers) >= 25
    for record in answers:
        d, z, public, sealed, secret = unhex(record, "d", "z", "pk", "ct", "ss")
        key = MLKEM768PrivateKey.from_seed_bytes(d + z)
        assert key.public_key().public_bytes_raw() == public
        assert key.decapsulate(sealed) == secret
        assert Recipient(public + bytes(32)).key()


# HPKE base mode: what wraps a file key


def without_aad(answer):
    """The draft's first message as our files have it, with empty aad: encapsulated key and all.

    The answers use an aad, which the library's public door has not; their key and nonce stay.
    """
    enc, key, nonce = (bytes.fromhex(answer[name]) for name in ("enc", "key", "base_nonce"))
    first = answer["encryptions"][0]
    plain, aad, sealed = (bytes.fromhex(first[name]) for name in ("pt", "aad", "ct"))
    cipher = AEADS[int(answer["aead_id"])](key)
    assert cipher.encrypt(nonce, plain, aad) == sealed
    return enc + cipher.encrypt(nonce, plain, b""), plain


@pytest.mark.parametrize("ids", SUITES)
def test_hpke_base_mode(ids):
    (answer,) = (
        v
        for v in hpke("test-vectors.json")
        if (int(v["mode"]), int(v["kem_id"]), int(v["kdf_id"]), int(v["aead_id"])) == (0, *ids)
    )
    suite = Suite(SUITES[ids][0], KDF.HKDF_SHA256, SUITES[ids][1])
    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(answer["skRm"]))
    sealed, plain = without_aad(answer)
    assert suite.decrypt(sealed, key, bytes.fromhex(answer["info"])) == plain
    with pytest.raises(InvalidTag):
        suite.decrypt(sealed, key, b"another info")


@pytest.fixture(scope="module")
def hybrid():
    """The draft's answer for the very suite of age's hybrid recipients."""
    (answer,) = (
        v
        for v in hpke("hpke-pq-test-vectors.json")
        if (int(v["kem_id"]), int(v["kdf_id"]), int(v["aead_id"])) == (HYBRID, 1, 3)
    )
    return answer


def test_the_hybrid_identity_is_expanded_as_the_draft_says(hybrid):
    identity = Identity.from_seed(bytes.fromhex(hybrid["skRm"]))
    assert identity.recipient.public.hex() == hybrid["pkRm"]


def test_the_hybrid_suite_opens_the_drafts_message(hybrid):
    identity = Identity.from_seed(bytes.fromhex(hybrid["skRm"]))
    sealed, plain = without_aad(hybrid)
    assert age._SUITE.decrypt(sealed, identity.key(), bytes.fromhex(hybrid["info"])) == plain


def test_our_own_stanza_opens_under_the_drafts_identity(hybrid):
    """A whole file through our code, to a key that others chose."""
    identity = Identity.from_seed(bytes.fromhex(hybrid["skRm"]))
    sealed = age.encrypt(b"Goedemorgen", [identity.recipient], random=bytes)
    (stanza,) = age_header.parse(sealed).stanzas
    assert stanza.type == age.HYBRID
    assert age.decrypt(sealed, [identity], max_size=100) == b"Goedemorgen"
    assert b64(identity.seed) not in repr(identity)
