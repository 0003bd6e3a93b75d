# SPDX-License-Identifier: EUPL-1.2
"""Packages are signed with the builder's key; each system's own program says so."""

import shutil
import subprocess

import pytest

from lakzegel_linux import errors, signing, sums
from tests.packaging.conftest import needs
from tests.packaging.test_packages import one, out_of

POLICY = """\
<?xml version="1.0"?>
<!DOCTYPE Policy SYSTEM "https://www.debian.org/debsig/1.0/policy.dtd">
<Policy xmlns="https://www.debian.org/debsig/1.0/">
  <Origin Name="Lakzegel" id="{0}" Description="packages"/>
  <Selection><Required Type="origin" File="lakzegel.gpg" id="{0}"/></Selection>
  <Verification MinOptional="0">
    <Required Type="origin" File="lakzegel.gpg" id="{0}"/>
  </Verification>
</Policy>
"""
BUILDER = "Builder <builder@lakzegel.invalid>"


@pytest.fixture(scope="module")
def signed(small, tmp_path_factory):
    """Signed packages with their sums, and the key's public half."""
    needs("gpg", "rpmsign", "rpm")
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)
    out = tmp_path_factory.mktemp("signed")
    shutil.copytree(small[0].out, out, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", str(home))
        gpg = ("gpg", "--batch", "--quiet", "--passphrase", "")
        out_of(*gpg, "--quick-generate-key", BUILDER, "ed25519", "sign", "never")
        (home / "public.asc").write_text(out_of("gpg", "--armor", "--export", BUILDER))
        signing.sign_packages(out, BUILDER)
        signing.sign_detached(sums.write(out), BUILDER)
        yield out, home
        subprocess.run(["gpgconf", "--kill", "all"], check=False)


def test_gpg_verifies_the_sums_and_the_sums_are_of_the_signed_packages(signed, small):
    out, _ = signed
    out_of("gpg", "--batch", "--verify", out / "SHA256SUMS.asc", out / "SHA256SUMS")
    assert "FAILED" not in out_of("sh", "-c", f"cd '{out}' && sha256sum -c SHA256SUMS")
    assert (out / "SHA256SUMS").read_text() != (small[0].out / "SHA256SUMS").read_text()


def test_rpm_verifies_the_signature_and_what_is_installed_is_unchanged(signed, small, tmp_path):
    out, home = signed
    db = ("--dbpath", str(tmp_path))
    out_of("rpmkeys", *db, "--import", home / "public.asc")
    assert "digests signatures OK" in out_of("rpmkeys", *db, "--checksig", one(out, ".rpm"))
    form = ("rpm", "-qp", "--queryformat", "%{SHA256HEADER}")
    assert out_of(*form, one(out, ".rpm")) == out_of(*form, one(small[0].out, ".rpm"))


def test_the_member_in_a_deb_signs_the_others_and_dpkg_does_not_mind(signed, small, tmp_path):
    needs("ar", "dpkg-deb")
    package = one(signed[0], ".deb")
    names = out_of("ar", "t", package).split()
    assert names[0] == "debian-binary"
    assert names[-1] == "_gpgorigin"
    subprocess.run(["ar", "x", package], cwd=tmp_path, check=True)
    whole = b"".join((tmp_path / name).read_bytes() for name in names[:-1])
    (tmp_path / "whole").write_bytes(whole)
    out_of("gpg", "--batch", "--verify", tmp_path / "_gpgorigin", tmp_path / "whole")
    before = one(small[0].out, ".deb")
    assert out_of("dpkg-deb", "-c", package) == out_of("dpkg-deb", "-c", before)
    assert whole == b"".join(signing.members(before.read_bytes()))


def test_debsig_verifies_a_deb_by_a_policy_and_not_one_that_was_changed(signed, tmp_path):
    needs("debsig-verify")
    out, home = signed
    rows = out_of("gpg", "--batch", "--with-colons", "--list-keys", BUILDER).splitlines()
    key = next(row.split(":")[4] for row in rows if row.startswith("pub:"))
    for folder in ("policies", "keyrings"):
        (tmp_path / folder / key).mkdir(parents=True)
    (tmp_path / "policies" / key / "lakzegel.pol").write_text(POLICY.format(key))
    keyring = tmp_path / "keyrings" / key / "lakzegel.gpg"
    out_of("gpg", "--batch", "--dearmor", "--output", keyring, home / "public.asc")
    places = ("--policies-dir", tmp_path / "policies", "--keyrings-dir", tmp_path / "keyrings")
    package = one(out, ".deb")
    out_of("debsig-verify", *places, package)
    changed = tmp_path / "changed.deb"
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    assert subprocess.run(["debsig-verify", *places, changed], check=False).returncode


def test_what_is_signed_already_is_not_signed_again(signed):
    with pytest.raises(errors.PackagingError, match="signed already"):
        signing.sign_deb(one(signed[0], ".deb"), BUILDER)
