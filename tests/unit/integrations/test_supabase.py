"""Access tokens: every forged one is refused, in projects of every kind; what Supabase Auth issues is taken.

A case differs from a good token in the one thing that its name says, and is signed rightly unless the name says not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agency_os.exceptions import AuthenticationError
from tests.factories.tokens import (
    ADA,
    EC,
    EC_PUBLISHED,
    EVIL_EC,
    EVIL_RSA,
    ISSUER,
    JWKS,
    KINDS,
    RSA,
    RSA_PUBLISHED,
    SECONDS,
    SECRET,
    URL,
    Project,
    b64,
    claims,
    compact,
    ecdsa,
    published,
    signs,
)  # fmt: skip

Forge = Callable[[Project], str]
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The number of points of P-256."""


def as_part(content: object) -> str:
    return b64(json.dumps(content).encode())


def decoded(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "==")))


def public_bytes(key: Any, encoding: Encoding, format_: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    return bytes(key.public_key().public_bytes(encoding, format_))


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def hs(key: bytes) -> Forge:
    """HS256 with whatever an attacker knows in place of the secret; the library refuses some of these itself."""

    def sign(content: bytes) -> bytes:
        return hmac.new(key, content, hashlib.sha256).digest()

    return lambda project: project.token(project.header(alg="HS256"), sign=sign)


def headed(sign: Callable[[bytes], bytes] | None = None, **changes: Any) -> Forge:
    return lambda project: project.token(project.header(**changes), sign=sign)


def with_header(header: object) -> Forge:
    return lambda project: project.token(header)


def claiming(payload: object) -> Forge:
    return lambda project: project.token(payload=payload)


def legacy(role: str) -> dict[str, Any]:
    return {"iss": "supabase", "ref": "project", "role": role, "iat": SECONDS - 9, "exp": SECONDS + 315360000}


def signed_as(change: Callable[[bytes], bytes]) -> Forge:
    """A right signature, changed."""
    return lambda project: project.token(sign=lambda content: change(signs(project.algorithm)(content)))


def parts_as(change: Callable[[list[str]], str]) -> Forge:
    """A right token, written otherwise."""
    return lambda project: change(project.token().split("."))


def evil(**pointers: Any) -> Forge:
    """Signed with the attacker's key, to which the header points."""
    return headed(signs("ES256", EVIL_EC), **pointers)


EVIL_JWK = published(EVIL_EC, "ec-1")
SECP256K1, P384 = ec.generate_private_key(ec.SECP256K1()), ec.generate_private_key(ec.SECP384R1())
EVIL_OCT = {"kty": "oct", "k": b64(b"k" * 32)}
EVIL_SITE = "https://evil.example/jwks.json"
DEEP = "[" * 2500 + "]" * 2500
NESTED = f'{{"alg":"ES256","kid":"ec-1","x":{DEEP}}}'
GOOD = json.dumps(claims())
JWE = b'{"alg":"dir","enc":"A256GCM"}'
HEAD = '{"alg":"ES256","kid":"ec-1"}'

ALGORITHMS: dict[str, tuple[str, Forge]] = {
    **{
        f"alg {spelled!r} {name} in {kind}": (kind, headed(f, alg=spelled))
        for kind in KINDS
        for spelled in ("none", "None", "NONE", "nOnE", "")
        for name, f in (("with a signature", None), ("unsigned", lambda _: b""))
    },
    **{f"{kind} unsigned": (kind, signed_as(lambda _: b"")) for kind in KINDS},
    **{
        f"HS256 with the {name} of the public key in {kind}": (kind, hs(key))
        for kind, pair_ in {"es256": EC, "rs256": RSA, "mixed": EC}.items()
        for name, key in {
            "PEM": public_bytes(pair_, Encoding.PEM),
            "PEM without its last newline": public_bytes(pair_, Encoding.PEM).strip(),
            "DER": public_bytes(pair_, Encoding.DER),
            "JWK": json.dumps(EC_PUBLISHED if pair_ is EC else RSA_PUBLISHED).encode(),
            "kid": b"ec-1",
        }.items()
    },
    "HS256 with the point of the public key": (
        "es256",
        hs(public_bytes(EC, Encoding.X962, PublicFormat.UncompressedPoint)),
    ),
    "HS256 with an empty secret": ("es256", hs(b"")),
    "HS256 with an empty secret where there is one": ("hs256", hs(b"")),
    "HS256 with another secret": ("hs256", hs(SECRET.upper().encode())),
    "HS256 with a secret of a project that has none": ("rs256", hs(SECRET.encode())),
    "HS384 with the secret": ("hs256", headed(signs("HS384"), alg="HS384")),
    "HS512 with the secret": ("hs256", headed(signs("HS512"), alg="HS512")),
    "ES256 where no key is published": ("hs256", headed(signs("ES256"), alg="ES256", kid="ec-1")),
    "ES256 with the attacker's key": ("es256", headed(signs("ES256", EVIL_EC))),
    "RS256 with the attacker's key": ("rs256", headed(signs("RS256", EVIL_RSA))),
    "RS256 with the kid of an EC key": ("mixed", headed(signs("RS256"), alg="RS256", kid="ec-1")),
    "ES256 with the kid of an RSA key": ("mixed", headed(signs("ES256"), kid="rsa-1")),
    "ES256 said, RS256 signed": ("mixed", headed(signs("RS256"))),
    "ES256K": ("es256", headed(ecdsa(SECP256K1), alg="ES256K")),
    "ES384": ("es256", headed(signs("ES384", P384), alg="ES384")),
    "ES256 signed with P-384": ("es256", headed(ecdsa(P384))),
    "PS256 with the right key": ("rs256", headed(signs("PS256"), alg="PS256")),
    "RS384 with the right key": ("rs256", headed(signs("RS384"), alg="RS384")),
    "RS512 with the right key": ("rs256", headed(signs("RS512"), alg="RS512")),
    "EdDSA": ("es256", headed(Ed25519PrivateKey.generate().sign, alg="EdDSA")),
    **{
        f"alg {alg!r}": ("es256", with_header({"alg": alg, "kid": "ec-1"}))
        for alg in (["ES256"], {"ES256": 1}, 256, True, None, "es256", "ES256 ", "ES256\x00", "ＥＳ256")
    },
    "alg missing": ("es256", headed(alg=None)),
}

SIGNATURES: dict[str, tuple[str, Forge]] = {
    "psychic: r = s = 0": ("es256", signed_as(lambda _: pair(0, 0))),
    "r = 0": ("es256", signed_as(lambda s: pair(0, int.from_bytes(s[32:], "big")))),
    "s = 0": ("es256", signed_as(lambda s: s[:32] + bytes(32))),
    "r = s = the order": ("es256", signed_as(lambda _: pair(ORDER, ORDER))),
    "r and s swapped": ("es256", signed_as(lambda s: s[32:] + s[:32])),
    "DER in place of raw": ("es256", headed(lambda c: EC.sign(c, ec.ECDSA(hashes.SHA256())))),
    "all zeros of RSA": ("rs256", signed_as(lambda s: bytes(len(s)))),
    "one of RSA": ("rs256", signed_as(lambda s: bytes(len(s) - 1) + b"\x01")),
    **{
        f"{name} in {kind}": (kind, forge)
        for kind in KINDS
        for name, forge in {
            "a byte less": signed_as(lambda s: s[:-1]),
            "a byte more": signed_as(lambda s: s + b"\x00"),
            "twice": signed_as(lambda s: s + s),
            "a bit flipped": signed_as(lambda s: bytes([s[0] ^ 1]) + s[1:]),
            "of other claims": parts_as(lambda p: f"{p[0]}.{as_part(claims(email='eve@agency.example'))}.{p[2]}"),
            "of another header": parts_as(lambda p: f"{as_part({**decoded(p[0]), 'a': 1})}.{p[1]}.{p[2]}"),
        }.items()
    },
}  # fmt: skip


HEADERS: dict[str, tuple[str, Forge]] = {
    **{
        f"kid {name} in {kind}": (kind, with_header({"alg": KINDS[kind][2], "typ": "JWT", "kid": kid}))
        for kind in ("es256", "rs256")
        for name, kid in {
            "unknown": "key-9", "a number": 1, "a list": ["ec-1"], "an object": {"kid": "ec-1"}, "null": None,
            "empty": "", "true": True, "a path": "../../../../dev/null", "an address": EVIL_SITE,
            "SQL": "ec-1' OR '1'='1", "a command": "ec-1;$(id)", "very long": "k" * 4000, "with a zero": "ec-1\x00",
            "in other case": "EC-1", "with a space": "ec-1 ",
        }.items()
    },
    "kid missing": ("es256", headed(kid=None)),
    "kid a list in hs256": ("hs256", lambda p: p.token({"alg": "HS256", "kid": []})),
    "jku of the attacker": ("es256", evil(jku=EVIL_SITE)),
    "jku of the attacker, and a kid of theirs": ("es256", evil(jku=EVIL_SITE, kid="evil")),
    "jku within the project's address": ("es256", evil(jku=f"{URL}@evil.example/auth/v1/.well-known/jwks.json")),
    "x5u of the attacker": ("es256", evil(x5u=EVIL_SITE)),
    "jwk of the attacker": ("es256", evil(jwk=EVIL_JWK)),
    "jwk of the attacker, no kid": ("es256", evil(jwk=EVIL_JWK, kid=None)),
    "x5c of the attacker": ("es256", evil(x5c=[b64(public_bytes(EVIL_EC, Encoding.DER))])),
    "jwk of the attacker with HS256": ("mixed", headed(signs("HS256", b"k" * 32), alg="HS256", jwk=EVIL_OCT)),
    "crit unknown": ("es256", headed(crit=["exp"])),
    "crit empty": ("es256", headed(crit=[])),
    "crit no list": ("es256", headed(crit="b64")),
    "crit b64": ("es256", headed(crit=["b64"], b64=True)),
    "b64 false": ("es256", headed(b64=False, crit=["b64"])),
    "b64 false, not critical": ("es256", headed(b64=False)),
    "b64 false with the payload as it is": ("es256", lambda p: unencoded(p)),
    "zip": ("es256", lambda p: p.token(p.header(zip="DEF"), zlib.compress(GOOD.encode())[2:-4])),
    "nested deep": ("es256", lambda p: p.token(NESTED.encode())),
    "alg twice": ("es256", lambda p: p.token(b'{"alg":"none","alg":"ES256","kid":"ec-1"}')),
    "kid twice": ("es256", lambda p: p.token(b'{"alg":"ES256","kid":"evil","kid":"ec-1"}')),
    "in UTF-16": ("es256", lambda p: p.token(HEAD.encode("utf-16"))),
    "with a byte order mark": ("es256", lambda p: p.token(b"\xef\xbb\xbf" + HEAD.encode())),
    "not UTF-8": ("es256", lambda p: p.token(HEAD.encode()[:-1] + b',"x":"\xff"}')),
    "a list": ("es256", lambda p: p.token(["ES256"])),
    "a text": ("es256", lambda p: p.token("ES256")),
    "null": ("es256", lambda p: p.token(b"null")),
    "NaN": ("es256", lambda p: p.token(HEAD.encode()[:-1] + b',"x":NaN}')),
    "no JSON": ("es256", lambda p: p.token(b"{'alg':'ES256'}")),
    "empty object": ("es256", lambda p: p.token(b"{}")),
}  # fmt: skip


def unencoded(project: Project) -> str:
    head = b64(json.dumps(project.header(b64=False, crit=["b64"])).encode())
    return f"{head}..{b64(signs('ES256')(f'{head}.{GOOD}'.encode()))}"


def jws_json(p: list[str]) -> str:
    return json.dumps({"payload": p[1], "protected": p[0], "signature": p[2]})


SHAPES: dict[str, tuple[str, Forge]] = {
    "nothing": ("es256", lambda _: ""),
    "a point": ("es256", lambda _: "."),
    "three empty parts": ("es256", lambda _: ".."),
    "one part": ("es256", parts_as(lambda p: p[0])),
    "two parts": ("es256", parts_as(lambda p: f"{p[0]}.{p[1]}")),
    "four parts": ("es256", parts_as(lambda p: ".".join([*p, p[2]]))),
    "five parts, as a JWE has": ("es256", lambda _: f"{b64(JWE)}..{b64(b'i' * 12)}.YQ.YQ"),
    "no header": ("es256", parts_as(lambda p: f".{p[1]}.{p[2]}")),
    "no claims": ("es256", parts_as(lambda p: f"{p[0]}..{p[2]}")),
    "padded": ("es256", parts_as(lambda p: f"{p[0]}.{p[1]}.{p[2]}==")),
    "padded throughout": ("es256", lambda _: padded()),
    "a newline within": ("es256", parts_as(lambda p: f"{p[0]}.{p[1]}.{p[2][:9]}\n{p[2][9:]}")),
    "a newline at the end": ("es256", parts_as(lambda p: ".".join(p) + "\n")),
    "a space before": ("es256", parts_as(lambda p: " " + ".".join(p))),
    "a zero at the end": ("es256", parts_as(lambda p: ".".join(p) + "\x00")),
    "junk within": ("es256", parts_as(lambda p: f"{p[0]}.{p[1]}.{p[2][:9]}!{p[2][9:]}")),
    "full-width letters": ("es256", parts_as(lambda p: f"{p[0]}.{p[1]}.Ａ{p[2][1:]}")),
    "a lone surrogate": ("es256", parts_as(lambda p: f"{p[0]}.{p[1]}.{p[2]}\ud800")),
    "the last bits changed": ("es256", parts_as(lambda p: f"{p[0]}.{p[1]}.{p[2][:-1]}{chr(ord(p[2][-1]) + 1)}")),
    "serialised as JSON": ("es256", parts_as(jws_json)),
    "9 KB": ("es256", claiming(claims(user_metadata={"x": "y" * 7000}))),
    "a token in a token": ("es256", lambda p: p.token(p.header(cty="JWT"), p.token().encode())),
    "a refresh token": ("es256", lambda _: "v4kx7qz2m3ab"),
    "a new secret key": ("es256", lambda _: "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"),
    "a publishable key": ("es256", lambda _: "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"),
    "the legacy service key": ("hs256", claiming(legacy("service_role"))),
    "the legacy anon key": ("hs256", claiming(legacy("anon"))),
    "claims a list": ("es256", claiming([claims()])),
    "claims a text": ("es256", claiming(b'"x"')),
    "claims no JSON": ("es256", claiming(b"{")),
    "claims empty": ("es256", claiming(b"{}")),
    "claims nested deep": ("es256", claiming(f'{GOOD[:-1]},"x":{DEEP}}}'.encode())),
    "sub twice": ("es256", claiming(f'{GOOD[:-1]},"sub":"{ADA}"}}'.encode())),
    "a number of 5000 digits": ("es256", claiming(f'{GOOD[:-1]},"x":{"9" * 5000}}}'.encode())),
    "claims in UTF-16": ("es256", claiming(GOOD.encode("utf-16"))),
}  # fmt: skip


def padded() -> str:
    parts = [base64.urlsafe_b64encode(part).decode() for part in (HEAD.encode(), GOOD.encode())]
    signature = signs("ES256")(".".join(parts).encode())
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode()])


CLAIMS: dict[str, dict[str, Any] | bytes] = {
    "exp a second beyond the leeway": claims(exp=SECONDS - 11),
    "exp at the leeway": claims(exp=SECONDS - 10),
    "exp missing": claims(exp=None),
    "exp null": GOOD.replace(str(SECONDS + 3600), "null").encode(),
    "exp a text": claims(exp=str(SECONDS + 3600)),
    "exp true": claims(exp=True),
    "exp a list": claims(exp=[SECONDS + 3600]),
    "exp NaN": claims(exp=float("nan")),
    "exp infinite": claims(exp=float("inf")),
    "exp 1e999": GOOD.replace(str(SECONDS + 3600), "1e999").encode(),
    "exp after the year 9999": claims(exp=10**15),
    "exp of 400 digits": claims(exp=10**400),
    "exp negative": claims(exp=-1),
    "nbf in the future": claims(nbf=SECONDS + 11),
    "nbf a text": claims(nbf="0"),
    "nbf NaN": claims(nbf=float("nan")),
    "iat in the future": claims(iat=SECONDS + 11),
    "iat missing": claims(iat=None),
    "iat a text": claims(iat=str(SECONDS)),
    "iat false": claims(iat=False),
    "aud another": claims(aud="anon"),
    "aud missing": claims(aud=None),
    "aud empty": claims(aud=""),
    "aud a list without": claims(aud=["anon", "service"]),
    "aud an empty list": claims(aud=[]),
    "aud a list with a number": claims(aud=["authenticated", 5]),
    "aud an object": claims(aud={"authenticated": True}),
    "aud in other case": claims(aud="Authenticated"),
    "aud a part": claims(aud="authenticate"),
    "iss with a slash": claims(iss=f"{ISSUER}/"),
    "iss another project": claims(iss="https://other.supabase.co/auth/v1"),
    "iss without a path": claims(iss=URL),
    "iss by http": claims(iss=ISSUER.replace("https", "http")),
    "iss missing": claims(iss=None),
    "iss a list": claims(iss=[ISSUER]),
    "sub missing": claims(sub=None),
    "sub no UUID": claims(sub="ada"),
    "sub empty": claims(sub=""),
    "sub a number": claims(sub=5),
    "sub a list": claims(sub=[str(ADA)]),
    "sub in braces": claims(sub=f"{{{ADA}}}"),
    "sub as a URN": claims(sub=ADA.urn),
    "sub without hyphens": claims(sub=ADA.hex),
    "role service_role": claims(role="service_role"),
    "role anon": claims(role="anon"),
    "role missing": claims(role=None),
    "role a list": claims(role=["authenticated"]),
    "is_anonymous true": claims(is_anonymous=True),
    'is_anonymous "false"': claims(is_anonymous="false"),
    "is_anonymous 0": claims(is_anonymous=0),
    "is_anonymous 1": claims(is_anonymous=1),
    "is_anonymous null": GOOD.replace("false", "null").encode(),
}
FORGED = {
    **{f"{name}: {case}": given for name, cases in {
        "algorithm": ALGORITHMS, "signature": SIGNATURES, "header": HEADERS, "shape": SHAPES,
    }.items() for case, given in cases.items()},
    **{f"claims: {name} in {kind}": (kind, claiming(said)) for kind in KINDS
       for name, said in CLAIMS.items()},
}  # fmt: skip
TAKEN: dict[str, tuple[str, Forge]] = {
    **{f"of {kind}": (kind, Project.token) for kind in KINDS},
    "RS256 in a mixed project": ("mixed", headed(signs("RS256"), alg="RS256", kid="rsa-1")),
    "HS256 in a mixed project": ("mixed", headed(signs("HS256"), alg="HS256", kid=None)),
    "HS256 with a kid": ("hs256", headed(kid="legacy")),
    "without typ": ("es256", headed(typ=None)),
    "aud a list": ("es256", claiming(claims(aud=["anon", "authenticated"]))),
    "exp within the leeway": ("es256", claiming(claims(exp=SECONDS - 9))),
    "iat and nbf within the leeway": ("es256", claiming(claims(iat=SECONDS + 10, nbf=SECONDS + 10))),
    "times with fractions": ("es256", claiming(claims(iat=SECONDS - 0.5, exp=SECONDS + 0.5))),
    "is_anonymous missing": ("es256", claiming(claims(is_anonymous=None))),
    "headers that mean nothing here": ("es256", headed(jku=EVIL_SITE, jwk=EVIL_JWK, foo=1)),
}


@pytest.mark.parametrize("case", FORGED)
async def test_a_forged_token_is_refused(case: str) -> None:
    kind, forge = FORGED[case]
    project = Project(kind)
    with pytest.raises(AuthenticationError):
        await project.verify(forge(project))
    assert {request.url for request in project.asked.requests} <= {JWKS}


@pytest.mark.parametrize("case", TAKEN)
async def test_what_supabase_issues_is_taken(case: str) -> None:
    kind, make = TAKEN[case]
    project = Project(kind)
    user = await project.verify(make(project))
    assert (user.user_id, user.email) == (ADA, "ada@agency.example")
    assert {request.url for request in project.asked.requests} <= {JWKS}


@pytest.mark.parametrize("email", [None, 5, ["ada@agency.example"]])
async def test_an_address_that_is_no_text_is_left_out(email: object) -> None:
    project = Project()
    assert (await project.verify(project.token(payload=claims(email=email)))).email is None


def test_each_case_is_another_token() -> None:
    assert len(FORGED) > 300
    assert compact({}, {}, lambda _: b"") == "e30.e30."
