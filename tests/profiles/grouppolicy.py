# SPDX-License-Identifier: EUPL-1.2
"""What Windows makes of an administrative template, as Microsoft documents it.

``enabled`` is a registry with the values that policies write which were enabled in the editor,
``delivered`` the same of rows of a custom policy over OMA-URI. Both ask the template alone which
key, name and type a value has, and refuse what the editor would.
"""

from xml.etree import ElementTree as ET

SPACE = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"
SZ, DWORD, MULTI_SZ = 1, 4, 7


class Registry:
    """Keys below HKLM; the agent's reader has this seam."""

    def __init__(self):
        self.found = {}

    def put(self, key, row):
        parts = key.split("\\")
        for depth in range(1, len(parts)):
            self.found.setdefault("\\".join(parts[:depth]), [])
        self.found.setdefault(key, []).append(row)

    def values(self, key):
        return next((v for name, v in self.found.items() if name.lower() == key.lower()), None)

    def keys(self, key):
        below = key.lower() + "\\"
        names = [name[len(below) :] for name in self.found if name.lower().startswith(below)]
        return [name for name in names if "\\" not in name]


def policies(admx):
    """Each policy by its name: its key and its one element."""
    root = ET.fromstring(admx)
    return {
        one.get("name"): (one.get("key"), one.find(f"{SPACE}elements")[0])
        for one in root.iter(f"{SPACE}policy")
    }


def enabled(admx, given):
    """The registry after these policies were enabled with these values."""
    registry, known = Registry(), policies(admx)
    for name, value in given.items():
        key, element = known[name]
        registry.put(key, (element.get("valueName"), *_typed(element, value)))
    return registry


def delivered(admx, rows):
    """The registry after these rows, ``{URI: value}``, of which one installs the template."""
    known, given = policies(admx), {}
    (install,) = [uri for uri in rows if "/ConfigOperations/ADMXInstall/" in uri]
    app = install.split("/ADMXInstall/")[1].split("/")[0]
    assert rows[install].encode() == admx
    root = ET.fromstring(admx)
    for uri, text in rows.items():
        if uri == install:
            continue
        area, _, name = uri.removeprefix("./Device/Vendor/MSFT/Policy/Config/").partition("/")
        category = _category(root, name)
        assert area == f"{app}~Policy~{category}"
        said = ET.fromstring(f"<row>{text}</row>")
        if said[0].tag == "enabled":
            _, element = known[name]
            assert said[1].get("id") == element.get("id")
            given[name] = _parted(element, said[1].get("value"))
        else:
            assert (said[0].tag, len(said)) == ("disabled", 1)
    return enabled(admx, given)


def _category(root, name):
    (policy,) = [one for one in root.iter(f"{SPACE}policy") if one.get("name") == name]
    return policy.find(f"{SPACE}parentCategory").get("ref")


def _parted(element, text):
    kind = element.tag.removeprefix(SPACE)
    if kind == "multiText":
        return text.split("\uf000")
    return int(text) if kind == "decimal" else text


def _typed(element, value):
    """What is written and as which type."""
    kind = element.tag.removeprefix(SPACE)
    if kind == "decimal":
        least = int(element.get("minValue", 0))
        assert least <= value <= int(element.get("maxValue", 2**32 - 1))
        return value, DWORD
    if kind == "multiText":
        assert all(len(one) <= int(element.get("maxLength", 1023)) for one in value)
        return list(value), MULTI_SZ
    if kind == "enum":
        assert value in [one.text for one in element.iter(f"{SPACE}string")]
        return value, SZ
    assert kind == "text"
    assert len(value) <= int(element.get("maxLength", 1023))
    return value, SZ
