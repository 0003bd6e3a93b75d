# SPDX-License-Identifier: EUPL-1.2
"""The address of an S3 store: stores.md §4."""

import pytest

from lakzegel_server.errors import ConfigError
from lakzegel_server.stores.place import S3Place

GOOD = {
    "s3://bucket": S3Place("bucket"),
    "s3://bucket/": S3Place("bucket"),
    "s3://my.bucket-1/a/b": S3Place("my.bucket-1", "a/b"),
    "s3://bucket?endpoint=https://s3.example&region=nl-1&retain-days=3653": S3Place(
        "bucket", "", "https://s3.example", "nl-1", 3653, path_style=True
    ),
    "s3://bucket?endpoint=https://s3.example:9000/&path-style=no": S3Place(
        "bucket", "", "https://s3.example:9000", path_style=False
    ),
    "s3://bucket?endpoint=http://[::1]:9000": S3Place(
        "bucket", "", "http://[::1]:9000", path_style=True
    ),
}
BAD = {
    "https://bucket": "begins with s3://",
    "s3://": "name of a bucket",
    "s3://B": "name of a bucket",
    "s3://key:hidden@bucket": "holds credentials",
    "s3://bucket/../other": "prefix of plain names",
    "s3://bucket/a//b": "prefix of plain names",
    "s3://bucket#part": "prefix of plain names",
    "s3://bucket?endpoint=http://s3.example": "not https",
    "s3://bucket?endpoint=https://key:hidden@s3.example": "endpoint",
    "s3://bucket?endpoint=https://s3.example/path": "has a path",
    "s3://bucket?secret=hidden": "takes endpoint, path-style, region, retain-days",
    "s3://bucket?region=a&region=b": "takes",
    "s3://bucket?region=": "region",
    "s3://bucket?region": "URL of a store",
    "s3://bucket?path-style=maybe": "path-style",
    "s3://bucket?retain-days=0": "from 1 to 36500",
    "s3://bucket?retain-days=36501": "from 1 to 36500",
    "s3://bucket?retain-days=-1": "retain-days",
    "s3://bucket?retain-days=1e3": "retain-days",
    "s3://bucket/" + "a" * 2000: "more than",
}


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_read(url):
    assert S3Place.parse(url) == GOOD[url]


@pytest.mark.parametrize("url", BAD)
def test_what_is_wrong_is_said_and_no_secret(url):
    with pytest.raises(ConfigError, match=BAD[url]) as refusal:
        S3Place.parse(url)
    assert "hidden" not in str(refusal.value)


def test_a_place_shows_bucket_and_prefix_alone():
    assert str(S3Place.parse("s3://bucket/a?endpoint=https://s3.example")) == "s3://bucket/a"
    assert str(S3Place.parse("s3://bucket")) == "s3://bucket"
