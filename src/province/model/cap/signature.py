"""The XML signature of a CAP message (§3.3.4.1): made with our key, and checked on what others send.

Only the one form that the alerting world uses is read: an enveloped signature of the whole document, SHA-256 or better,
with RSA or ECDSA, and the signer's certificate in the message. It proves that nothing was altered since whoever holds
that certificate signed. Whether the certificate is one to be believed is the installation's decision: see `Signer`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from province.errors import DecodeError
from province.model.cap.message import Message
from province.model.cap.reading import DSIG, parse, read
from province.model.time import Instant

_METHODS: Final = frozenset(
    (
        SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1, SignatureMethod.SHA384_RSA_MGF1, SignatureMethod.SHA512_RSA_MGF1,
        SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512,
    )
)  # fmt: skip
_DIGESTS: Final = frozenset((DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512))
_ENVELOPED: Final = f"{DSIG}enveloped-signature"
_C14N: Final = frozenset(
    (
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2006/12/xml-c14n11#WithComments",
    )
)
_CLAUSE: Final = "(CAP 1.2 §3.3.4.1)"
# The lexical form of base64Binary: the last digit before a padding has no bits beyond the content. A decoder that
# overlooks them takes several texts for one value, so that a text that was altered would pass.
_BASE64 = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)"
)


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed, by the certificate in the message. fingerprint: SHA-256 of the public key, in hexadecimal digits:
    it stays when a certificate is renewed for the same key, and is what an installation names to trust a sender."""

    subject: str
    issuer: str
    fingerprint: str
    since: Instant
    until: Instant


def verify(root: Any) -> tuple[Any, Signer]:
    """Check the signature of a parsed `alert`. Gives the element that was signed, alone to be read, and the signer.

    Raises: DecodeError for a message without a signature, or with one that does not hold.
    """
    signatures = [child for child in root if child.tag == f"{{{DSIG}}}Signature"]
    if not signatures:
        raise DecodeError(
            f"the message is not signed {_CLAUSE}.",
            field="Signature",
            remedy="Send it with an enveloped XML signature and the signer's certificate.",
        )
    if len(signatures) > 1 or len(root.findall(f".//{{{DSIG}}}Signature")) > 1:
        raise DecodeError(f"the message has several signatures {_CLAUSE}.", field="Signature")
    _check_form(signatures[0])
    certificate = _certificate(signatures[0])
    try:
        checked = XMLVerifier().verify(
            root,
            x509_cert=certificate,
            expect_config=SignatureConfiguration(
                require_x509=True,
                location="./",
                expect_references=1,
                signature_methods=_METHODS,
                digest_algorithms=_DIGESTS,
                # Whether the certificate held then is told by `Signer`; alerts are read long after they were signed.
                verification_time=certificate.not_valid_before_utc,
            ),
        )
    except (SignXMLException, BadSignature, UnsupportedAlgorithm, etree.LxmlError, ValueError, TypeError) as error:
        said = f"{error}".splitlines()[0][:200] if f"{error}" else type(error).__name__
        raise DecodeError(f"the signature does not hold: {said} {_CLAUSE}.", field="Signature") from None
    signed = (checked[0] if isinstance(checked, list) else checked).signed_xml
    if signed is None or signed.tag != root.tag:
        raise DecodeError(f"the signature is not of the whole message {_CLAUSE}.", field="Signature")
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return signed, Signer(
        subject=certificate.subject.rfc4514_string()[:300],
        issuer=certificate.issuer.rfc4514_string()[:300],
        fingerprint=hashlib.sha256(key).hexdigest(),
        since=certificate.not_valid_before_utc,
        until=certificate.not_valid_after_utc,
    )


def _check_form(signature: Any) -> None:
    """The one form that is read, before anything is computed from what a stranger chose."""
    references = signature.findall(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}Reference")
    if len(references) != 1 or references[0].get("URI") != "":
        raise DecodeError(f"the signature is not of the whole message {_CLAUSE}.", field="Signature.Reference")
    transforms = [t.get("Algorithm") for t in references[0].findall(f"{{{DSIG}}}Transforms/{{{DSIG}}}Transform")]
    others = [t for t in transforms if t != _ENVELOPED]
    if transforms.count(_ENVELOPED) != 1 or len(others) > 1 or not set(others) <= _C14N:
        raise DecodeError(
            f"the transforms {transforms!r} are not read {_CLAUSE}.",
            field="Signature.Transforms",
            remedy="Use enveloped-signature and one canonicalization.",
        )
    for name in ("DigestValue", "SignatureValue", "X509Certificate"):
        for found in signature.iter(f"{{{DSIG}}}{name}"):
            text = re.sub(r"\s+", "", found.text or "")
            if not text or not _BASE64.fullmatch(text):
                raise DecodeError(
                    f"the {name} is no base64Binary (XML Schema Part 2 §3.2.16) {_CLAUSE}.", field=f"Signature.{name}"
                )


def _certificate(signature: Any) -> x509.Certificate:
    found = signature.findall(f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data/{{{DSIG}}}X509Certificate")
    if not found:
        raise DecodeError(f"the signer's certificate is missing {_CLAUSE}.", field="Signature.X509Certificate")
    try:
        made = x509.load_der_x509_certificate(base64.b64decode(re.sub(r"\s+", "", found[0].text or ""), validate=True))
        made.public_key()
        _ = made.subject, made.extensions, made.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise DecodeError(
            f"the signer's certificate cannot be read: {str(error)[:120]} {_CLAUSE}.", field="Signature.X509Certificate"
        ) from None
    return made


def sign(root: Any, key: bytes, certificate: bytes) -> bytes:
    """The XML document of an `alert` element with an enveloped signature. key, certificate: PEM."""
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.ECDSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )
    signed = signer.sign(root, key=key, cert=certificate.decode("ascii"), always_add_key_value=False)
    document: bytes = etree.tostring(signed, xml_declaration=True, encoding="UTF-8")
    return document


def make_key(name: str, at: Instant) -> tuple[bytes, bytes]:
    """A new key (P-256) and a certificate that it signs itself, both PEM. name: the installation's, as others read it.

    Others trust the certificate by its fingerprint, so it need not end; it must say an end, and says 20 years.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    start = at.astimezone(UTC).replace(microsecond=0)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(datetime(start.year + 20, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, made.public_bytes(serialization.Encoding.PEM)


def read_signed(payload: bytes) -> tuple[Message, Signer]:
    """Read a message that must be signed: first its form, then its signature, then what was signed and nothing else.

    Many senders indent a message after they signed it. Spaces between elements mean nothing in CAP, so a signature that
    does not hold over the message as it came is tried once more over the message without them.
    Raises: DecodeError.
    """
    root = parse(payload)
    read(root)
    try:
        signed, signer = verify(root)
    except DecodeError as error:
        try:
            signed, signer = verify(parse(payload, indented=False))
        except DecodeError:
            raise error from None
    return read(signed), signer
