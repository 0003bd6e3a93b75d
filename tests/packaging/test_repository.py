# SPDX-License-Identifier: EUPL-1.2
"""A repository that real apt and dnf take packages from, and refuse what its key did not sign."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = ROOT / "packaging" / "repository" / "make-repository"
NEEDED = ("gpg", "apt-ftparchive", "apt-get", "dpkg-deb")
pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}"
)


def run(*command, expect=0, **more):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **more)
    assert expect is None or done.returncode == expect, (command, done.stdout, done.stderr)
    return done


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """GPG with a builder's key and somebody else's."""
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)
    environment = {**os.environ, "GNUPGHOME": str(home)}
    for name in ("bouwer", "ander"):
        make = ("--batch", "--passphrase", "", "--quick-gen-key", f"{name}@example.org", "ed25519")
        run("gpg", *make, "sign", env=environment)
    yield environment
    run("gpgconf", "--kill", "all", env=environment, expect=None)


class Repository:
    def __init__(self, folder, keys):
        self.folder = folder
        self.dist = folder / "dist"
        self.dist.mkdir()
        self.out = folder / "out"
        self.keys = keys

    def package(self, version, text="x"):
        root = self.folder / f"deb-{version}"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(
            f"Package: lakzegel-agent\nVersion: {version}\nArchitecture: all\n"
            f"Maintainer: T <t@example.org>\nDescription: {text}\n"
        )
        run("dpkg-deb", "--root-owner-group", "--build", root, self.dist / f"l_{version}_all.deb")
        shutil.rmtree(root)

    def make(self, *more, key="bouwer@example.org", dist=None, expect=0):
        return run(MAKE, *more, key, dist or self.dist, self.out, env=self.keys, expect=expect)

    def apt(self, *arguments, ring="stable", keyring=None, expect=0):
        """Real apt, in a root of its own."""
        root = self.folder / "root"
        for part in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d",
                     "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
                     "var/lib/dpkg"):  # fmt: skip
            (root / part).mkdir(parents=True, exist_ok=True)
        (root / "var/lib/dpkg/status").touch()
        (root / "etc/apt/sources.list").write_text(
            f"deb [signed-by={keyring or self.out / 'lakzegel.gpg'}] file://{self.out}/deb"
            f" {ring} main\n"
        )
        options = ("-o", f"Dir={root}", "-o", "Dir::Bin::methods=/usr/lib/apt/methods", "-o",
                   "APT::Sandbox::User=root", "-o", "Dir::State::status=" +
                   str(root / "var/lib/dpkg/status"))  # fmt: skip
        return run(*arguments[:1], *options, *arguments[1:], cwd=self.folder, expect=expect)


@pytest.fixture
def repository(tmp_path, keys):
    return Repository(tmp_path, keys)


def test_apt_takes_what_the_builders_key_signed_and_can_go_back(repository):
    repository.package("0.1.0")
    repository.make()
    repository.package("0.2.0")
    (repository.dist / "l_0.1.0_all.deb").unlink()
    repository.make()
    repository.apt("apt-get", "update")
    shown = repository.apt("apt-cache", "policy", "lakzegel-agent").stdout
    assert "Candidate: 0.2.0" in shown
    assert "0.1.0" in shown
    repository.apt("apt-get", "download", "lakzegel-agent=0.1.0")
    (taken,) = repository.folder.glob("lakzegel-agent_0.1.0_all.deb")
    assert taken.read_bytes() == (repository.out / "deb/pool/stable/l_0.1.0_all.deb").read_bytes()


def test_apt_refuses_what_another_key_signed_or_somebody_changed(repository, keys, tmp_path):
    repository.package("0.1.0")
    repository.make()
    right = tmp_path / "right.gpg"
    shutil.copy(repository.out / "lakzegel.gpg", right)
    release = repository.out / "deb/dists/stable/InRelease"
    whole = release.read_bytes()
    release.write_bytes(whole.replace(b"Label: Lakzegel", b"Label: Lakzegal"))
    (repository.out / "deb/dists/stable/Release.gpg").rename(tmp_path / "aside")
    assert "BADSIG" in repository.apt("apt-get", "update", keyring=right, expect=100).stderr
    repository.make(key="ander@example.org")
    refused = repository.apt("apt-get", "update", keyring=right, expect=100).stderr
    assert "NO_PUBKEY" in refused
    repository.make()
    repository.apt("apt-get", "update", keyring=right)
    package = repository.out / "deb/pool/stable/l_0.1.0_all.deb"
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    assert repository.apt("apt-get", "download", "lakzegel-agent", expect=100)


@pytest.mark.soak
def test_a_ring_has_what_was_brought_to_it_and_nothing_else(repository):
    repository.package("0.1.0")
    repository.make()
    (repository.dist / "l_0.1.0_all.deb").unlink()
    repository.package("0.2.0")
    repository.make("--ring", "early", "--valid", "30")
    assert "Valid-Until: " in (repository.out / "deb/dists/early/InRelease").read_text()
    for ring, version in (("stable", "0.1.0"), ("early", "0.2.0")):
        repository.apt("apt-get", "update", ring=ring)
        shown = repository.apt("apt-cache", "policy", "lakzegel-agent", ring=ring).stdout
        assert f"Candidate: {version}" in shown
    repository.make(dist=repository.out / "deb/pool/early")
    repository.apt("apt-get", "update")
    assert "Candidate: 0.2.0" in repository.apt("apt-cache", "policy", "lakzegel-agent").stdout


def test_one_name_is_one_package_for_ever_and_a_wrong_key_makes_nothing(repository):
    repository.package("0.1.0")
    assert "no such key" in repository.make(key="niemand@example.org", expect=2).stderr
    repository.make()
    repository.package("0.1.0", text="another")
    assert "another release" in repository.make(expect=2).stderr
    assert "usage" in run(MAKE, "alone", expect=2).stderr
    assert "small letters" in repository.make("--ring", "../x", expect=2).stderr


def rpms(repository, *versions):
    """Packages of these versions in dist/, unsigned: what is signed is the list that names them."""
    for version in versions:
        spec = repository.folder / "l.spec"
        spec.write_text(
            f"Name: lakzegel-agent\nVersion: {version}\nRelease: 1\nSummary: x\n"
            "License: EUPL-1.2\nBuildArch: noarch\n%description\nx\n%files\n"
        )
        run("rpmbuild", "--quiet", "-bb", "--define", f"_topdir {repository.folder / 'rpm'}", spec)
    for made in (repository.folder / "rpm").rglob("*.rpm"):
        shutil.copy(made, repository.dist)


@pytest.mark.skipif(shutil.which("createrepo_c") is None, reason="needs createrepo_c")
@pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="needs rpmbuild")
def test_the_list_of_rpms_is_signed_and_names_each_by_its_digest(repository, keys):
    rpms(repository, "0.1.0")
    repository.make()
    folder = repository.out / "rpm/stable"
    listed = folder / "repodata" / "repomd.xml"
    check = ("gpg", "--batch", "--verify", f"{listed}.asc", listed)
    run(*check, env=keys)
    listed.write_bytes(listed.read_bytes() + b" ")
    run(*check, env=keys, expect=1)


@pytest.mark.soak
@pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("dnf", "createrepo_c", "rpmbuild")),
    reason="needs dnf, createrepo_c, rpmbuild",
)
def test_dnf_takes_what_the_builders_key_signed_and_can_go_back(repository):
    rpms(repository, "0.1.0", "0.2.0")
    repository.make()
    folder = repository.folder
    (folder / "repos").mkdir()
    (folder / "repos" / "l.repo").write_text(
        f"[lakzegel]\nname=L\nbaseurl=file://{repository.out}/rpm/stable\nrepo_gpgcheck=1\n"
        f"gpgcheck=0\ngpgkey=file://{repository.out}/lakzegel.asc\n"
    )

    def dnf(*arguments, expect=0):
        where = (f"--installroot={folder / 'root'}", "--releasever=1",
                 f"--setopt=reposdir={folder / 'repos'}",
                 f"--setopt=cachedir={folder / 'cache'}")  # fmt: skip
        return run("dnf", "-y", *where, *arguments, expect=expect)

    assert "lakzegel-agent-0.2.0-1" in dnf("install", "lakzegel-agent").stdout
    assert "lakzegel-agent-0.1.0-1" in dnf("downgrade", "lakzegel-agent").stdout
    listed = repository.out / "rpm/stable/repodata/repomd.xml"
    sign = ("gpg", "--batch", "--yes", "--local-user", "ander@example.org", "--armor")
    run(*sign, "--detach-sign", "--output", f"{listed}.asc", listed, env=repository.keys)
    shutil.rmtree(folder / "cache")
    assert "GPG signature verification error" in dnf("makecache", expect=None).stderr
