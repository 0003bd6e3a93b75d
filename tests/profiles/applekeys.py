# SPDX-License-Identifier: EUPL-1.2
"""The keys of Apple's payloads that our profiles use, with their types.

Read from the schemas that Apple publishes (github.com/apple/device-management, ``mdm/profiles``;
the file of each payload is named by its type), 2026. Of a range, ``RANGES`` has what is allowed.
"""

COMMON = {  # CommonPayloadKeys.yaml
    "PayloadIdentifier": str,
    "PayloadUUID": str,
    "PayloadType": str,
    "PayloadVersion": int,
    "PayloadDisplayName": str,
    "PayloadDescription": str,
    "PayloadOrganization": str,
}
TOP = {  # TopLevel.yaml
    **COMMON,
    "PayloadContent": list,
    "PayloadRemovalDisallowed": bool,
    "PayloadScope": str,
}
NEEDED = {"PayloadIdentifier", "PayloadUUID", "PayloadType", "PayloadVersion"}
PAYLOADS = {
    "com.apple.TCC.configuration-profile-policy": {"Services": dict},
    "com.apple.servicemanagement": {"Rules": list},
    "com.apple.notificationsettings": {"NotificationSettings": list},
    # iOS; the first needs a supervised device
    "com.apple.applicationaccess": {"allowHostPairing": bool, "forceEncryptedBackup": bool},
    "com.apple.security.root": {"PayloadCertificateFileName": str, "PayloadContent": bytes},
}
ACCESS = {  # of an entry of SystemPolicyAllFiles; Authorization stands for the older Allowed
    "Identifier": str,
    "IdentifierType": str,
    "CodeRequirement": str,
    "StaticCode": bool,
    "Authorization": str,
    "Comment": str,
}
RULE = {"RuleType": str, "RuleValue": str, "Comment": str}
NOTIFICATION = {
    "BundleIdentifier": str,
    "NotificationsEnabled": bool,
    "ShowInNotificationCenter": bool,
    "ShowInLockScreen": bool,
    "AlertType": int,
    "BadgesEnabled": bool,
    "SoundsEnabled": bool,
    "CriticalAlertEnabled": bool,
}
RANGES = {
    "IdentifierType": {"bundleID", "path"},
    "Authorization": {"Allow", "Deny", "AllowStandardUserToSetSystemService"},
    "RuleType": {
        "BundleIdentifier",
        "BundleIdentifierPrefix",
        "Label",
        "LabelPrefix",
        "TeamIdentifier",
    },
    "AlertType": {0, 1, 2},
    "PayloadScope": {"System", "User"},
}


def faults(found, allowed, needed=frozenset()):
    """What is wrong with a dictionary, by the table of its keys."""
    wrong = [f"{name} is missing" for name in sorted(needed - found.keys())]
    for name, value in found.items():
        if name not in allowed:
            wrong.append(f"{name} is not known")
        elif type(value) is not allowed[name]:
            wrong.append(f"{name} is a {type(value).__name__}")
        elif name in RANGES and value not in RANGES[name]:
            wrong.append(f"{name} is {value!r}")
    return wrong
