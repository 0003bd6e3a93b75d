# SPDX-License-Identifier: EUPL-1.2
"""Causes of what the receiver finds: of devices, and of itself."""

from __future__ import annotations

from typing import Final

from lakzegel_server.fleet.cause import Cause, Owner, Severity
from lakzegel_server.words import text

FOUND: Final = (
    Cause(
        "silent",
        Severity.CRITICAL,
        Owner.IT,
        text("Silent"),
        text("Neither a batch nor a heartbeat came for longer than was agreed."),
        text("Find out whether the device is on and in use; if it is, see whether the agent runs."),
    ),
    Cause(
        "late",
        Severity.WARNING,
        Owner.IT,
        text("Late"),
        text("The device is heard of, but nothing of it was sealed for longer than was agreed."),
        text("Look at the device's other problems first; without one, run doctor on it."),
    ),
    Cause(
        "cloned",
        Severity.CRITICAL,
        Owner.IT,
        text("Two copies of one device"),
        text(
            "Two agents with the keys of this device are alive at once; what one of them captures"
            " is refused."
        ),
        text("Find both machines, stop the copy, and set it up as a device of its own."),
    ),
    Cause(
        "clock-off",
        Severity.WARNING,
        Owner.IT,
        text("Clock off"),
        text("The device's clock differs from this receiver's by more than is allowed."),
        text("Set the device's clock, and have it synchronise by itself."),
    ),
    Cause(
        "old-version",
        Severity.WARNING,
        Owner.IT,
        text("Old version"),
        text("The agent is older than the oldest version that is wanted."),
        text("Have MDM update the agent on this device."),
    ),
    Cause(
        "certificate-ending",
        Severity.WARNING,
        Owner.ADMIN,
        text("Certificate ending"),
        text("What the device trusts this receiver by comes to its end soon."),
        text(
            "Renew the receiver's certificate; where the CA ends, deliver the new one to"
            " devices first."
        ),
    ),
    Cause(
        "receiver-certificate-ending",
        Severity.WARNING,
        Owner.ADMIN,
        text("Receiver's certificate ending"),
        text("The certificate that this receiver shows ends soon; then no device trusts it."),
        text("Renew the receiver's certificate, and have the receiver read it."),
    ),
    Cause(
        "receiver-certificate-over",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Receiver's certificate over"),
        text("The certificate that this receiver shows has ended, so no device trusts it."),
        text("Renew the receiver's certificate now, and have the receiver read it."),
    ),
    Cause(
        "receiver-certificate-unread",
        Severity.WARNING,
        Owner.ADMIN,
        text("Receiver's new certificate not in use"),
        text("In its file lies another certificate than this receiver shows, or nothing of use."),
        text("Have the receiver read it anew; its own log says when it cannot use it."),
    ),
    Cause(
        "disk",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Receiver's disk filling"),
        text("The receiver's disk is nearly full; once it is, nothing more is sealed."),
        text("Enlarge the receiver's disk, or free what is not Lakzegel's on it."),
    ),
    Cause(
        "store-away",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Object store away"),
        text("The store of batches or of keyrings does not answer, so nothing is sealed."),
        text("Bring the store back, or the way to it; the receiver asks again by itself."),
    ),
    Cause(
        "witness-missing",
        Severity.WARNING,
        Owner.ADMIN,
        text("Witness missing"),
        text("A witness has not cosigned for too long, so the quorum may not be met."),
        text("Check the way to the witness, and ask who runs it."),
    ),
    Cause(
        "witness-contradicts",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Witness knows another log"),
        text("A witness saw more of this log than this receiver has, or another log of its name."),
        text("Find out whether this receiver was set back or runs twice; change nothing before."),
    ),
    Cause(
        "tsa-failing",
        Severity.WARNING,
        Owner.ADMIN,
        text("Timestamps failing"),
        text("The timestamp authority has not stamped a checkpoint for too long."),
        text("Check the way to the timestamp authority and its certificate."),
    ),
    Cause(
        "office-unreachable",
        Severity.WARNING,
        Owner.RECORDS,
        text("Records office not reached"),
        text("The records office has not fetched anything for too long, or is not reached."),
        text("See whether lakzegel-office pull runs, and whether its account still works."),
    ),
    Cause(
        "handover-failing",
        Severity.WARNING,
        Owner.RECORDS,
        text("Hand-over failing"),
        text("What was sealed could not be pushed to where the records office wants it."),
        text("Check the folder or address of the hand-over; it is tried again by itself."),
    ),
    Cause(
        "catching-up",
        Severity.WARNING,
        Owner.ADMIN,
        text("Catching up"),
        text("The receiver is read-only until it has the newest log that anybody saw."),
        text("See that it reaches the witnesses and the office's mirror; it goes on by itself."),
    ),
    Cause(
        "short",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Log cannot be completed"),
        text("Somebody saw more of the log than can be rebuilt."),
        text(
            "Bring back the newest backup or the office's mirror; else begin a new log with"
            " the records office."
        ),
    ),
    Cause(
        "damaged",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Stored data damaged"),
        text("What is stored is not what the log says."),
        text(
            "Run lakzegel-server check and restore what it names from backup or from the"
            " office's mirror."
        ),
    ),
    Cause(
        "chore-failing",
        Severity.WARNING,
        Owner.ADMIN,
        text("Background work failing"),
        text("Something that the receiver does by itself keeps failing."),
        text("Look in the receiver's own log for which one and why."),
    ),
    Cause(
        "receiver-missing",
        Severity.WARNING,
        Owner.ADMIN,
        text("A receiver is missing"),
        text("One of the receivers that share the index says nothing any more."),
        text("See whether its machine and its service run; the others do its work."),
    ),
    Cause(
        "receiver-clock",
        Severity.WARNING,
        Owner.ADMIN,
        text("A receiver's clock off"),
        text("A receiver's clock differs from the database's by more than 30 seconds."),
        text("Have that machine, and the database's, take their time from the same source."),
    ),
    Cause(
        "unknown-code",
        Severity.WARNING,
        Owner.ADMIN,
        text("Unknown problem"),
        text("The device states a problem that this receiver does not know."),
        text("Update the receiver; meanwhile the agent's status on the device says more."),
    ),
)
