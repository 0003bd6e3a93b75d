# SPDX-License-Identifier: EUPL-1.2
"""Causes of what devices state: taking part, the receiver, the policy (docs/spec/health.md §1)."""

from __future__ import annotations

from typing import Final

from lakzegel_server.fleet.cause import Cause, Owner, Severity
from lakzegel_server.words import text

SENDING: Final = (
    Cause(
        "rollback",
        Severity.CRITICAL,
        Owner.RECORDS,
        text("Log went back"),
        text("The receiver's log lacks what this device had sealed."),
        text("Keep the device as it is and tell the records office at once."),
    ),
    Cause(
        "fork",
        Severity.CRITICAL,
        Owner.RECORDS,
        text("Two logs"),
        text("Two logs were shown that contradict each other."),
        text("Leave device and receiver as they are and tell the records office at once."),
    ),
    Cause(
        "refused",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Refused"),
        text("The receiver refuses what this device sends, for good."),
        text("Look up the refusal in the receiver's own log and mend what it names."),
    ),
    Cause(
        "revoked",
        Severity.NOTICE,
        Owner.RECORDS,
        text("Revoked"),
        text("The records office no longer trusts this device's key."),
        text("Ask the records office what is to become of the device."),
    ),
    Cause(
        "superseded",
        Severity.WARNING,
        Owner.IT,
        text("Another copy enrolled"),
        text("Another copy of this device is enrolled under its name."),
        text("Find out which of the two is the right one and enrol that one with a new token."),
    ),
    Cause(
        "keys-not-replaced",
        Severity.WARNING,
        Owner.IT,
        text("Keys not replaced"),
        text("This device could not replace its keys; the old ones stay in force."),
        text("See the reason in the agent's status on the device; it is tried again by itself."),
    ),
    Cause(
        "not-enrolled",
        Severity.WARNING,
        Owner.IT,
        text("Not enrolled"),
        text("The agent is installed and not enrolled."),
        text("Have the MDM profile with the token reach the device."),
    ),
    Cause(
        "state-lost",
        Severity.CRITICAL,
        Owner.IT,
        text("State lost"),
        text("What the agent knew cannot be read any more, so it captures nothing."),
        text("Enrol the device with a new token; it opens a new epoch."),
    ),
    Cause(
        "unreachable",
        Severity.WARNING,
        Owner.IT,
        text("Receiver not reached"),
        text("The device does not reach the receiver."),
        text("Check the device's network and whether a firewall lets it through to the receiver."),
    ),
    Cause(
        "proxy-refused",
        Severity.WARNING,
        Owner.IT,
        text("Proxy refuses"),
        text("The proxy does not let the device through to the receiver."),
        text(
            "Have the proxy let through the receiver's address, or correct proxy and pac in"
            " the settings."
        ),
    ),
    Cause(
        "tls-failed",
        Severity.WARNING,
        Owner.IT,
        text("No TLS"),
        text("Who answers the device cannot prove to be the receiver."),
        text("Check the receiver's certificate, then ca_file and the clock of the device."),
    ),
    Cause(
        "busy",
        Severity.NOTICE,
        Owner.ADMIN,
        text("Receiver busy"),
        text("The receiver asked the device to come back later."),
        text("Nothing; it passes by itself."),
    ),
    Cause(
        "receipt-refused",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Receipt proves nothing"),
        text("The receiver's receipt does not prove what it should."),
        text("Check the receiver: run lakzegel-server check, and see what sits before it."),
    ),
    Cause(
        "answer-refused",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Answer proves nothing"),
        text("What the receiver tells the device of itself does not prove what it should."),
        text("Check the receiver: run lakzegel-server check, and see what sits before it."),
    ),
    Cause(
        "policy-refused",
        Severity.WARNING,
        Owner.RECORDS,
        text("Policy refused"),
        text("The device may not apply the newest policy; the one before stays in force."),
        text("Sign a policy that this device accepts."),
    ),
    Cause(
        "policy-expires",
        Severity.WARNING,
        Owner.RECORDS,
        text("Policy expires soon"),
        text("The policy of this device expires soon."),
        text("Sign a new policy in time."),
    ),
    Cause(
        "policy-expired",
        Severity.WARNING,
        Owner.RECORDS,
        text("Policy expired"),
        text("The policy of this device has expired; it goes on by it meanwhile."),
        text("Sign a new policy."),
    ),
    Cause(
        "no-policy",
        Severity.CRITICAL,
        Owner.RECORDS,
        text("No policy"),
        text("No policy is for this device, so it captures nothing."),
        text("Sign a policy whose audience holds this device, and have it published."),
    ),
    Cause(
        "held-refused",
        Severity.WARNING,
        Owner.RECORDS,
        text("Held statement refused"),
        text(
            "The device cannot accept what the records office states that it holds, so it"
            " lets nothing go."
        ),
        text("Run lakzegel-office pull and verify, and mend what they name."),
    ),
)
