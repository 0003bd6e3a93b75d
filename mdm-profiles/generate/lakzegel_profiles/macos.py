# SPDX-License-Identifier: EUPL-1.2
"""Profiles of macOS: settings, privacy, background services, notifications, authority.

Not run on a real device: after Apple's published schemas of device management.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lakzegel_profiles.apple import BUNDLE, Payload, profile
from lakzegel_profiles.keys import Key
from lakzegel_profiles.settingsprofile import settings_payload
from lakzegel_profiles.site import EXAMPLE_AUTHORITY, Site, authority_of

# A program with our identifier that Apple vouches for as a Developer ID of our team: the two fields
# are those of Apple's certificates for Developer ID, of the authority and of the leaf.
REQUIREMENT: Final = (
    'identifier "{bundle}" and anchor apple generic'
    " and certificate 1[field.1.2.840.113635.100.6.2.6] exists"
    " and certificate leaf[field.1.2.840.113635.100.6.1.13] exists"
    ' and certificate leaf[subject.OU] = "{team}"'
)
HELPER: Final = f"{BUNDLE}.user"
_TITLES: Final = {
    "settings": ("instellingen", "settings"),
    "privacy": ("volledige schijftoegang", "full disk access"),
    "background": ("achtergrondonderdelen", "background items"),
    "notifications": ("meldingen", "notifications"),
    "authority": ("certificaatautoriteit", "certificate authority"),
}
_TEXT: Final = {
    "nl": "De agent die zakelijke mail en chats voor de archiefdienst verzegelt.",
    "en": "The agent that seals business mail and chats for the records office.",
}


def requirement(team: str) -> str:
    """What a program must be signed as to be ours."""
    return REQUIREMENT.format(bundle=BUNDLE, team=team)


def profiles(keys: Sequence[Key], site: Site) -> dict[str, bytes]:
    """One profile of everything, and the same one by one."""
    payloads = {
        "settings": settings_payload(keys, site),
        "privacy": _privacy(site),
        "background": _background(site),
        "notifications": _notifications(site),
        "authority": _authority(site),
    }
    if site.own and not site.authority:
        del payloads["authority"]
    whole = profile("agent", "Lakzegel", _TEXT[site.language], list(payloads.values()), site)
    made = {"macos/lakzegel-agent.mobileconfig": whole}
    for name, payload in payloads.items():
        title = f"Lakzegel: {_title(name, site)}"
        data = profile(name, title, _TEXT[site.language], [payload], site)
        made[f"macos/one-by-one/{name}.mobileconfig"] = data
    return made


def _title(name: str, site: Site) -> str:
    return dict(zip(("nl", "en"), _TITLES[name], strict=True))[site.language]


def _payload(name: str, kind: str, content: dict[str, object], site: Site) -> Payload:
    return Payload(kind, name, _title(name, site).capitalize(), content)


def _privacy(site: Site) -> Payload:
    """Full Disk Access, for what is signed as ours and nothing else."""
    access = {
        "Identifier": BUNDLE,
        "IdentifierType": "bundleID",
        "CodeRequirement": requirement(site.team),
        "StaticCode": False,
        "Authorization": "Allow",
        "Comment": "Without this every source below ~/Library is empty, and nothing says so",
    }
    content: dict[str, object] = {"Services": {"SystemPolicyAllFiles": [access]}}
    return _payload("privacy", "com.apple.TCC.configuration-profile-policy", content, site)


def _background(site: Site) -> Payload:
    """Daemon and helper, which nobody can switch off among the login items."""
    rules = [
        {"RuleType": "Label", "RuleValue": BUNDLE, "Comment": "The daemon"},
        {"RuleType": "Label", "RuleValue": HELPER, "Comment": "The helper in a user's session"},
        {"RuleType": "TeamIdentifier", "RuleValue": site.team, "Comment": "Whatever is ours"},
    ]
    return _payload("background", "com.apple.servicemanagement", {"Rules": rules}, site)


def _notifications(site: Site) -> Payload:
    """Quiet ones, and none where a screen is locked."""
    settings = {
        "BundleIdentifier": BUNDLE,
        "NotificationsEnabled": True,
        "AlertType": 1,
        "BadgesEnabled": False,
        "SoundsEnabled": False,
        "ShowInLockScreen": False,
        "ShowInNotificationCenter": True,
        "CriticalAlertEnabled": False,
    }
    content: dict[str, object] = {"NotificationSettings": [settings]}
    return _payload("notifications", "com.apple.notificationsettings", content, site)


def _authority(site: Site) -> Payload:
    """The authority of the receiver's certificate, for browsers and the system's own tools."""
    content: dict[str, object] = {
        "PayloadCertificateFileName": "lakzegel-authority.cer",
        "PayloadContent": site.authority or authority_of(EXAMPLE_AUTHORITY),
    }
    return _payload("authority", "com.apple.security.root", content, site)
