from __future__ import annotations

import pytest

from agency_os.kit.addresses import is_free_mail, is_role_address, normalise_email, registrable_domain


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" Jo.Smith@Acme.COM.au ", "jo.smith@acme.com.au"),
        ("jo@wattle.example", "jo@wattle.example"),
        ("jo@example.com", "jo@example.com"),
        ("jo@sub.example.net", "jo@sub.example.net"),
        ("jo@bücher.de", "jo@xn--bcher-kva.de"),
        ("jo+tag@acme.com.au", "jo+tag@acme.com.au"),
        ("jo@acme", None),
        ("jo acme.com.au", None),
        ("Jo <jo@acme.com.au>", None),
        ("jo@foo.invalid", None),
        ("", None),
        ("\ud800@acme.com.au", None),
    ],
)
def test_addresses_have_one_normal_form(text: str, normal: str | None) -> None:
    assert normalise_email(text) == normal


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("www.acme.com.au", "acme.com.au"),
        ("https://Shop.Acme.com.au:8443/about?x=jo@b.com", "acme.com.au"),
        ("jo@mail.acme.com.au", "acme.com.au"),
        ("wattle.example", "wattle.example"),
        ("acme.com.au.", "acme.com.au"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("com.au", None),
        ("localhost", None),
        ("192.168.0.1", None),
        ("http://[::1]/", None),
        ("a..b", None),
        ("", None),
    ],
)
def test_registrable_domain_by_the_public_suffix_list(text: str, domain: str | None) -> None:
    assert registrable_domain(text) == domain


@pytest.mark.parametrize(("domain", "free"), [("Gmail.com", True), ("bigpond.net.au", True), ("acme.com.au", False)])
def test_free_mail_names_no_company(domain: str, free: bool) -> None:
    assert is_free_mail(domain) is free


@pytest.mark.parametrize(
    ("email", "role"),
    [("info@acme.com.au", True), ("Sales+au@acme.com.au", True), ("jo@acme.com.au", False), ("informant@a.com", False)],
)
def test_role_addresses_belong_to_a_function(email: str, role: bool) -> None:
    assert is_role_address(email) is role
