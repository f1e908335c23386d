"""A record with everything in it, and keys."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from reprobox.attest import dsse, sshsig, statement
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.image import Image
from reprobox.model.lock import BaseLock, Deb, Lock, Python, Wheel
from reprobox.model.outcome import Exit, OutputFile
from reprobox.model.record import Intent, OutputSummary, Record
from reprobox.model.runspec import InputPin, RunSpec
from reprobox.model.source import Source
from reprobox.model.verdict import Class, Verdict


def d(text: str) -> str:
    return str(canon.digest_bytes(text.encode()))


OUTPUTS = (
    OutputFile(path="model.pt", kind="file", size=3, mode=0o644, sha256=d("one")),
    OutputFile(path="results/metrics.json", kind="file", size=3, mode=0o644, sha256=d("two")),
    OutputFile(path="results/nothing", kind="dir", size=0, mode=0o755, sha256=d("")),
)
CONTENTS = {"model.pt": b"one", "results/metrics.json": b"two"}
MANIFEST = d("the manifest")


def a_record(
    run_id: str = "20261120-153012-brave-otter-3f9c",
    *,
    code: int = 0,
    network: str = "none",
    **intent: object,
) -> Record:
    spec = RunSpec(
        argv=("python3", "train.py", "config.yaml"),
        workdir=".",
        env={"LANG": "C.UTF-8"},
        commit="c" * 40,
        tree="e" * 40,
        config_path="config.yaml",
        config_digest=d("config"),
        image=d("image"),
        lock=d("lock"),
        runtime=d("runtime"),
        seed=7,
        profile="same-machine",
        threads=1,
        network=network,
        inputs=(
            InputPin(
                path="/work/data.csv",
                source="/somewhere/data.csv",
                kind="file",
                digest=d("data"),
                size=4,
            ),
        ),
    )
    lock = Lock(
        intent=d("intent"),
        timestamp=1_700_000_000,
        python=Python(version="3.11", executable="/usr/bin/python3.11"),
        base=BaseLock(
            kind="debian",
            reference="bookworm",
            packages=(
                Deb(
                    name="libc6",
                    version="2.36-9",
                    architecture="amd64",
                    filename="libc6.deb",
                    sha256=d("libc6"),
                    size=1,
                ),
            ),
        ),
        debs=(
            Deb(
                name="git",
                version="1:2.39.5-0",
                architecture="amd64",
                filename="pool/g/git.deb",
                sha256=d("git"),
                size=1,
            ),
        ),
        wheels=(
            Wheel(
                name="numpy",
                version="2.0.0",
                filename="numpy-2.0.0-cp311.whl",
                sha256=d("numpy"),
                size=1,
            ),
        ),
    )
    made = Intent(
        id=run_id,
        runspec=spec,
        identity=codec.digest(spec),
        source=Source(
            commit="c" * 40,
            tree="e" * 40,
            commit_time=1,
            remote="https://example.invalid/x.git",
            author="A <a@example.invalid>",
        ),
        image=Image(
            config=d("image"),
            manifest=d("image manifest"),
            diff_ids=(d("layer"),),
            lock=d("lock"),
            tag="reprobox/lock:0",
        ),
        lock=lock,
        config={},
        created=1_795_188_612.0,
        host={"name": "here", "user": "ann"},
        engine={"name": "Docker Engine", "version": "20.10.24", "runc": "1.1.5"},
        container=f"reprobox-{run_id}",
        reprobox="0.1.0",
    )
    return Record(
        intent=replace(made, **intent),  # type: ignore[arg-type]
        exit=Exit(code=code, reason="exited"),
        started=1_795_188_612.5,
        finished=1_795_188_700.25,
        duration=87.75,
        outputs=OutputSummary(manifest=MANIFEST, files=3, size=6),
        stdout=d("out"),
        stderr=d(""),
    )


def a_verdict(left: Record, right: Record) -> Verdict:
    return Verdict(
        left=left.id,
        right=right.id,
        left_record=codec.digest(left),
        right_record=codec.digest(right),
        result=Class.IDENTICAL,
        files=(),
        exit_equal=True,
        checked=1_795_190_000.0,
    )


def a_key(folder: Path, name: str = "key", kind: str = "ed25519") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(folder / name)], check=True
    )
    return folder / name


def allow(folder: Path, *lines: tuple[str, str, Path]) -> Path:
    """An allowed signers file of (principal, options, key)."""
    path = folder / "allowed_signers"
    rows = [
        " ".join(filter(None, (who, options, key.with_suffix(".pub").read_text().strip())))
        for who, options, key in lines
    ]
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def signed(key: Path, payload_type: str = dsse.IN_TOTO) -> bytes:
    """The provenance of `a_record`, signed."""
    record = a_record()
    payload = canon.canonical(statement.provenance(record, codec.digest(record), OUTPUTS))
    raw = sshsig.sign(dsse.pae(payload_type, payload), key)
    return dsse.Envelope(
        payload_type=payload_type,
        payload=payload,
        signatures=(dsse.Signature(key=sshsig.fingerprint(raw), raw=raw),),
    ).encode()
