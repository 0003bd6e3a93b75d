# SPDX-License-Identifier: EUPL-1.2
"""A device replaces its keys: what the receiver takes in, from whom, and how often."""

import hashlib
import os
from dataclasses import replace

import pytest

from lakzegel_core.age import Identity
from lakzegel_core.enrolment import Reason, device_key_name, peek_enrolment, sign_enrolment
from lakzegel_core.keys import Algorithm
from lakzegel_core.receipt import verify_receipt


def code(answer):
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def rotated(world, device, kit, *, head=None, by=None, **changes):
    """The device with new keys, and the note that ``by``, or its old header key, vouches by."""
    epoch = device.epoch + 1
    header = kit.new_key(device_key_name(kit.ORIGIN, device.name, epoch, "header"))
    witness = kit.new_key(
        device_key_name(kit.ORIGIN, device.name, epoch, "witness"), Algorithm.ED25519_COSIGNATURE
    )
    annex = Identity.from_seed(os.urandom(32))
    tree = world.client.checkpoint().checkpoint
    found = replace(
        peek_enrolment(device.enrolment),
        epoch=epoch,
        header=header.verifier,
        witness=witness.verifier,
        annex=annex.recipient,
        reason=Reason.ROTATED,
        previous=head,
        known=head,
        seen_size=tree.size,
        seen_root=tree.root,
    )
    note = sign_enrolment(replace(found, **changes), header, by or device.header)
    ahead = replace(
        device, header=header, witness=witness, annex=annex, enrolment=note, epoch=epoch,
        batch=0, previous=hashlib.sha256(note).digest(),
    )  # fmt: skip
    return ahead, note


def post(world, note):
    return world.client("POST", "/v1/notes", note)


def test_new_keys_are_taken_in_from_the_device_itself_and_the_old_sign_nothing(world, device, kit):
    upload = device.seal()
    world.receipt(world.client.put(upload), upload)
    assert world.client("POST", "/v1/heartbeats", device.heartbeat(8)).status_code == 204
    ahead, note = rotated(world, device, kit, head=bytes.fromhex(upload.name))
    early = ahead.seal(advance=False)
    assert code(world.client.put(early)) == (409, "epoch")
    answer = post(world, note)
    first = verify_receipt(answer.content, entry=note, log=world.keys, seen=None)
    late = device.seal()
    assert code(world.client.put(late)) == (409, "epoch")
    assert world.desk.register.refusals()[0][:2] == ("minister", "epoch")
    assert code(world.client("POST", "/v1/device", device.query())) == (403, "unknown-key")
    signed = world.client.checkpoint()
    old = kit.cosigned(signed, device.witness)
    assert world.client("POST", "/v1/cosignatures", old).status_code != 204
    new = ahead.seal()
    world.receipt(world.client.put(new), new)
    assert world.client("POST", "/v1/device", ahead.query()).status_code == 200
    assert world.client("POST", "/v1/heartbeats", device.heartbeat(9)).status_code == 409
    assert world.client("POST", "/v1/heartbeats", ahead.heartbeat(1)).status_code == 204
    cosigned = kit.cosigned(world.client.checkpoint(), ahead.witness)
    assert world.client("POST", "/v1/cosignatures", cosigned).status_code == 204
    again = verify_receipt(post(world, note).content, entry=note, log=world.keys, seen=None)
    assert again.index == first.index  # a lost answer is asked for again


def test_a_second_set_of_keys_for_one_place_is_refused(world, device, kit):
    _, note = rotated(world, device, kit)
    _, other = rotated(world, device, kit)
    assert post(world, note).status_code == 200
    assert code(post(world, other)) == (409, "epoch")


@pytest.mark.parametrize("who", ["token", "stranger", "itself"])
def test_keys_that_the_old_one_did_not_vouch_for_are_refused(world, device, kit, who):
    stranger = kit.new_key(device.header.verifier.name)
    by = {"token": device.token, "stranger": stranger, "itself": None}[who]
    ahead, note = rotated(world, device, kit, by=by)
    if who == "itself":
        note = sign_enrolment(peek_enrolment(note), ahead.header, ahead.header)
    assert code(post(world, note)) == (403, "unknown-key")
    upload = device.seal()
    world.receipt(world.client.put(upload), upload)  # nothing changed


def test_keys_after_an_older_batch_are_refused(world, device, kit):
    first = device.seal()
    world.receipt(world.client.put(first), first)
    second = device.seal()
    world.receipt(world.client.put(second), second)
    for head in (bytes.fromhex(first.name), None):
        assert code(post(world, rotated(world, device, kit, head=head)[1])) == (409, "epoch")


def test_a_revoked_device_replaces_no_keys(world, device, kit):
    revoked = world.office.revocation("minister")
    assert world.as_("admin")("POST", "/v1/notes", revoked).status_code == 200
    assert code(post(world, rotated(world, device, kit)[1])) == (403, "revoked")
