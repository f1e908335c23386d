"""Pushes of one large output, as rows of `costs.py`: to an SSH daemon and to an S3 server, both on
loopback, next to scp and boto3.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import overhead
from far_away import s3_server, ssh_server
from paired import Pairs, Row, Sizes, in_pairs, shell
from travelling import a_run

from reprobox.store.project import open_project

BOTO = """\
import sys
import boto3

boto3.client("s3").upload_file(sys.argv[1], "runs", "copy")
"""
BUCKET = 'import boto3; boto3.client("s3").create_bucket(Bucket="runs")'


def rows(sizes: Sizes, place: Path, reprobox: str) -> Iterator[Row]:
    """To SSH, then to S3."""
    (place / "project").mkdir(parents=True)
    (place / "home").mkdir()
    shell("git init -q", place / "project")
    data = os.urandom(1 << 20) * sizes.sent
    run = a_run(open_project(place / "project"), {"model.bin": data})
    file = place / "project/.reprobox/runs" / run / "outputs/model.bin"
    size = f"{len(data) / 1e6:.0f} MB"
    del data
    home = f"HOME={place}/home REPROBOX_HOME={place}/shared"
    push = f"cd project; {home} {reprobox} push {run} --with outputs --to"
    found = _ssh(sizes, place, push, file, home)
    yield Row(f"push of {size} over ssh", found.times, f"`scp` ({found.other})", "≤ 1.5")
    found = _s3(sizes, place, push, file)
    yield Row(f"push of {size} to S3", found.times, f"boto3 `upload_file` ({found.other})", "≤ 1.2")


def _ssh(sizes: Sizes, place: Path, push: str, file: Path, home: str) -> Pairs:
    (place / "sshd").mkdir()
    with ssh_server(place / "sshd", place / "home") as ssh:
        options = f"-q -i {place}/sshd/user -P {ssh.port} -o StrictHostKeyChecking=no"
        copy = f"{home} scp {options} {file} {ssh.user}@127.0.0.1:{place}/copy"

        def afresh() -> None:
            shutil.rmtree(place / "far", ignore_errors=True)
            (place / "copy").unlink(missing_ok=True)
            os.sync()

        return in_pairs(f"{push} {ssh.url(place / 'far')}", copy, place, sizes.few, afresh)


def _s3(sizes: Sizes, place: Path, push: str, file: Path) -> Pairs:
    (place / "s3").mkdir()
    (place / "upload.py").write_text(BOTO)
    with s3_server(place / "s3") as port:
        env = (
            "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test "
            f"AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL=http://127.0.0.1:{port};"
        )
        shell(f"{env} {sys.executable} -c '{BUCKET}'", place)
        ours = f"{env} {push} s3://runs/$(date +%s%N)"
        theirs = f"{env} {sys.executable} upload.py {file}"
        return in_pairs(ours, theirs, place, sizes.few, os.sync)


def versions() -> list[str]:
    """Of the peers."""
    said = overhead.said(
        sys.executable, "-c", "import boto3; print(boto3.__version__)", cwd=Path("/")
    )
    return [f"boto3 {said.strip()}"]
