# SPDX-License-Identifier: EUPL-1.2
"""What is inside a package, as CycloneDX 1.6 JSON: each distribution, its licence, its hashes.

Of each distribution it has the SHA-256 of the wheel that it came from, which is the one in
requirements/*.txt. Number and time are the tree's, so the same tree gives the same bytes.
"""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from lakzegel_linux.environment import Wheel
from lakzegel_linux.errors import PackagingError
from lakzegel_linux.products import LICENCE, Product

# what the licence files of these say, which name none as SPDX does
READ: Final = MappingProxyType(
    {
        "jinja2": "BSD-3-Clause",
        "olefile": "BSD-2-Clause",
        "opf-fido": "Apache-2.0",
        "pacparser": "LGPL-2.1-or-later",
        "rfc3161-client": "Apache-2.0",
        "sqlcipher3": "Zlib",
        "uvloop": "MIT OR Apache-2.0",
    }
)
NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://lakzegel.nl/sbom")


def licence_of(found: Distribution) -> str:
    """The licence of one distribution, as an SPDX expression.

    Raises:
        PackagingError: it names none that is known, and nobody has read its licence yet.
    """
    fields = found.metadata.json
    name = str(fields["name"]).lower()
    said = str(READ.get(name) or fields.get("license_expression") or fields.get("license", ""))
    if not said or "\n" in said:
        raise PackagingError(f"{name}: names no licence; read it, and say it in sbom.py")
    made = LicenseFactory().make_from_string(said)
    if getattr(made, "name", None):
        raise PackagingError(f"{name}: {said!r} is not SPDX; read it, and say it in sbom.py")
    return said


def licences(packages: Path) -> dict[str, str]:
    """The licence of each distribution in an environment, by its name."""
    return {
        found.metadata["Name"].lower(): licence_of(found)
        for found in distributions(path=[str(packages)])
        if found.metadata["Name"] != "lakzegel"
    }


def bill(
    product: Product, version: str, wheels: Iterable[Wheel], terms: dict[str, str], made: datetime
) -> str:
    """The bill of materials; ``terms`` are the licences, ``made`` is the commit's time."""
    parts = [_component(wheel, terms[wheel.name.lower()]) for wheel in wheels]
    parts.sort(key=lambda part: part.name)
    whole = Component(
        type=ComponentType.APPLICATION,
        name=product.name,
        version=version,
        bom_ref=product.name,
        licenses=[LicenseFactory().make_from_string(LICENCE)],
        purl=PackageURL("pypi", None, "lakzegel", version.partition("-")[0]),
    )
    contents = " ".join(f"{part.name}=={part.version}" for part in parts)
    document = Bom(
        components=parts,
        serial_number=uuid.uuid5(NAMESPACE, f"{product.name} {version} {contents}"),
        metadata=BomMetaData(component=whole, timestamp=made.astimezone(UTC)),
        dependencies=[
            Dependency(whole.bom_ref, [Dependency(part.bom_ref) for part in parts]),
            *(Dependency(part.bom_ref) for part in parts),
        ],
    )
    return JsonV1Dot6(document).output_as_string(indent=1) + "\n"


def _component(wheel: Wheel, licence: str) -> Component:
    """One distribution: it is its wheel, by the wheel's hash."""
    purl = PackageURL("pypi", None, wheel.name.lower(), wheel.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=wheel.sha256)]
    return Component(
        name=wheel.name,
        version=wheel.version,
        bom_ref=purl.to_string(),
        licenses=[LicenseFactory().make_from_string(licence)],
        purl=purl,
        hashes=hashes,
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION, url=XsUri(wheel.file), hashes=hashes
            )
        ],
    )
