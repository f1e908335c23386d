"""The user's own apt, with state of its own: rootless, and the host's lists, status and cache are
never touched.

apt is the resolver that Debian is made with, and the host's configuration of it (proxies,
certificates, credentials) is what reaches the mirror. Hooks of the host's configuration are
cleared, because they would clean or notify the host.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from urllib.parse import quote, unquote

from reprobox.errors import FetchError, ResolveError
from reprobox.kit import canon, files, proc
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.lock.download import Transport
from reprobox.model.lock import Deb
from reprobox.model.platform import DEFAULT
from reprobox.model.ports import Objects, Progress

_URI = regex(r"^'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})$")
_SUITES = (
    "bookworm",
    "trixie",
    "bullseye",
    "forky",
    "sid",
    "stable",
    "oldstable",
    "oldoldstable",
    "testing",
    "unstable",
)
_CONFIG = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Packages {{
  MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages"; flatMetaKey "Packages";
  ShortDescription "Packages";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
  flatDescription "$(RELEASE) Packages"; Optional "0";
}};
Dir::State "{state}";
Dir::State::lists "{lists}";
Dir::State::status "{state}/status";
Dir::State::extended_states "{state}/extended_states";
Dir::Cache "{state}";
Dir::Cache::archives "{state}/archives";
Dir::Cache::pkgcache "{state}/pkgcache.bin";
Dir::Cache::srcpkgcache "{lists}/../srcpkgcache.bin";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{state}/sources";
Dir::Etc::preferences "{state}/preferences";
Dir::Etc::preferencesparts "{state}/empty";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "{state}/trusted";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Default-Release "";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::ForceHash "SHA256";
Acquire::Languages "none";
Acquire::Retries "3";
"""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where packages come from."""

    files: Mapping[str, str]
    """sources.list.d: file name to text."""
    trusted: Mapping[str, bytes] = field(default_factory=dict)
    """trusted.gpg.d: file name to keyring."""
    suite: str | None = None
    """The suite that was asked for, where it is one of Debian's."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A package as the archive offers it."""

    deb: Deb
    url: str


class Apt:
    """One private apt with lists of its own; see `private`."""

    def __init__(self, state: Path) -> None:
        self._config = state / "apt.conf"

    def _run(self, *argv: str) -> proc.Done:
        env = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        return proc.run([argv[0], "-c", self._config, *argv[1:]], env=env)

    def update(self, suite: str | None = None) -> None:
        """Fetches the lists.

        Raises:
            ResolveError: the mirror answers, and has no such suite.
            FetchError: the mirror could not be asked.
        """
        done = self._run("apt-get", "update", "-q")
        if (
            not done.ok
            and suite
            and re.search(
                rf"'\S+ {re.escape(suite)} Release' does not have a Release file", done.error_text
            )
        ):
            raise ResolveError(
                f"the mirror has no Debian suite {suite!r}",
                why="\n".join(
                    line for line in done.error_text.splitlines() if not line.startswith("W:")
                ),
                next_step=_other_suite(suite),
            )
        if not done.ok:
            raise FetchError(
                "the package mirror could not be asked",
                why=_complaints(done),
                next_step="check the network and the host's apt sources, or name a mirror in "
                "REPROBOX_DEBIAN_MIRROR",
            )

    def names(self, prefix: str) -> list[str]:
        """Package names that start so."""
        return sorted(self._run("apt-cache", "pkgnames", prefix).out.decode().split())

    def plan(self, packages: Sequence[str]) -> list[Offer]:
        """What apt would fetch to install these, by name.

        Raises:
            ResolveError: apt cannot, and says why.
        """
        done = self._run(
            "apt-get", "install", "-y", "-qq", "--allow-downgrades", "--print-uris", "--", *packages
        )
        if not done.ok:
            raise ResolveError(
                "apt cannot install the packages",
                why=_complaints(done),
                next_step="change `apt` in the config; `name=version` pins a version",
            )
        return sorted(_offers(done.out), key=lambda offer: offer.deb.name)

    def addresses(self, wanted: Mapping[str, tuple[str, str, str]]) -> dict[str, list[str]]:
        """Where packages may be had, by digest; a version that has left the lists may still lie in
        the pool next to its successor.

        Args:
            wanted: digest to (name, version, file name).
        """
        known = self._known(sorted({name for name, _, _ in wanted.values()}))
        urls: dict[str, list[Offer]] = {}
        for offer in self._uris(
            [f"{name}={version}" for name, versions in known.items() for version in versions]
        ):
            urls.setdefault(offer.deb.name, []).append(offer)
        found: dict[str, list[str]] = {}
        for digest, (name, _, filename) in wanted.items():
            offers = urls.get(name, [])
            exact = [offer.url for offer in offers if offer.deb.sha256 == digest]
            if guesses := exact or list(
                dict.fromkeys(_sibling(offer.url, filename) for offer in offers)
            ):
                found[digest] = guesses
        return found

    def _known(self, names: Sequence[str]) -> dict[str, list[str]]:
        versions: dict[str, list[str]] = {}
        for line in (
            self._run("apt-cache", "madison", *names).out.decode().splitlines() if names else []
        ):
            name, version, _ = (part.strip() for part in line.split("|", 2))
            versions.setdefault(name, []).append(version)
        return versions

    def _uris(self, packages: Sequence[str]) -> list[Offer]:
        return (
            list(
                _offers(
                    self._run("apt-get", "download", "-qq", "--print-uris", "--", *packages).out
                )
            )
            if packages
            else []
        )

    def transport(self) -> Transport:
        """How to reach the mirror: with the proxies and certificates of the host's apt."""
        names = (
            "http",
            "Acquire::http::Proxy",
            "https",
            "Acquire::https::Proxy",
            "ca",
            "Acquire::https::CaInfo",
        )
        found = dict(
            re.findall(
                r"^(http|https|ca)='(.*)'$",
                self._run("apt-config", "shell", *names).out.decode(),
                re.MULTILINE,
            )
        )
        certificates = found.pop("ca", None) or None
        proxies = {
            scheme: url for scheme, url in found.items() if url not in ("", "DIRECT", "false")
        }
        return Transport(proxies=proxies, verify=certificates)


def _other_suite(suite: str) -> str:
    near = difflib.get_close_matches(suite, _SUITES, n=1, cutoff=0.5)
    if near and near[0] != suite:
        return f"did you mean `base: debian:{near[0]}`?"
    return (
        f"write one that it has ({', '.join(_SUITES[:3])}, ...), or name a mirror that has {suite} "
        "in REPROBOX_DEBIAN_MIRROR"
    )


def _sibling(url: str, filename: str) -> str:
    """Where a package's other version lies in the pool; file names there have no epoch."""
    return f"{url.rpartition('/')[0]}/{quote(re.sub(r'_[0-9]+%3a', '_', filename))}"


def _offers(out: bytes) -> Iterator[Offer]:
    for line in out.decode().splitlines():
        if match := _URI.match(line):
            name, version, architecture = match["file"].removesuffix(".deb").split("_")
            deb = Deb(
                name=name,
                version=unquote(version),
                architecture=architecture,
                filename=match["file"],
                sha256=f"sha256:{match['sha256']}",
                size=int(match["size"]),
            )
            yield Offer(deb=deb, url=re.sub(r"^copy:", "file:", match["uri"]))


def _complaints(done: proc.Done) -> str:
    """apt's errors without its warnings; what it says of dependencies is on stdout."""
    said = [line for line in done.error_text.splitlines() if not line.startswith("W:")]
    return "\n".join([*done.out.decode("utf-8", "replace").strip().splitlines()[-30:], *said])


@contextlib.contextmanager
def private(
    sources: Sources,
    *,
    status: bytes = b"",
    prefer: Iterable[Deb] = (),
    objects: Objects,
    progress: Progress,
) -> Iterator[Apt]:
    """An apt of one's own, with fresh lists.

    Args:
        status: dpkg's status of what is installed already.
        prefer: packages of a previous lock that are taken, where their bytes are in the store,
            before newer ones.

    Raises:
        ResolveError: the host has no apt, or the mirror no such suite.
        FetchError: the mirror could not be asked.
    """
    cache = _cache() / canon.hex_of(canon.digest_of(dict(sources.files)))[:16]
    files.make_dir(cache)
    with (
        files.locked(cache / "lock"),
        tempfile.TemporaryDirectory(prefix="reprobox-apt-") as scratch,
    ):
        state = Path(scratch)
        for name in ("archives/partial", "sources", "trusted", "empty", "previous"):
            (state / name).mkdir(parents=True)
        (cache / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (state / "apt.conf").write_text(
            _CONFIG.format(state=state, lists=cache / "lists", architecture=DEFAULT.architecture)
        )
        (state / "status").write_bytes(status)
        _write_sources(state, sources)
        try:
            _write_previous(state, prefer, objects)
            apt = Apt(state)
            with progress.task("reading the package lists"):
                apt.update(sources.suite)
        except FileNotFoundError as error:
            raise ResolveError(
                "this host has no apt-get, which resolves Debian packages",
                why=str(error),
                next_step="lock on a Debian or Ubuntu host, or choose a base of another kind and "
                "leave out `apt`",
            ) from error
        yield apt


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reprobox" / "apt"


def _write_sources(state: Path, sources: Sources) -> None:
    for name, text in sources.files.items():
        (state / "sources" / name).write_text(text)
    for name, keyring in sources.trusted.items():
        (state / "trusted" / name).write_bytes(keyring)


def _control(deb: Deb, objects: Objects) -> str:
    """A package's control file, which is remembered; empty where it is not a package."""
    key = f"lock/control/1/{canon.hex_of(deb.sha256)}"
    known = objects.memo(key)
    if isinstance(known, str):
        return known
    done = proc.run(["dpkg-deb", "--field", objects.path(deb.sha256)])
    if not done.ok:
        return ""
    text = done.out.decode("utf-8", "replace").strip()
    objects.remember(key, text)
    return text


def _write_previous(state: Path, prefer: Iterable[Deb], objects: Objects) -> None:
    """A flat repository of the previous packages; only its origin (none) is pinned above everything
    (apt_preferences(5)).
    """
    stanzas = []
    for deb in prefer:
        if not objects.has(deb.sha256):
            continue
        if control := _control(deb, objects):
            digest = canon.hex_of(deb.sha256)
            lines = f"Filename: ./{deb.filename}\nSize: {deb.size}\nSHA256: {digest}\n"
            stanzas.append(f"{control}\n{lines}")
    if not stanzas:
        return
    (state / "previous" / "Packages").write_text("\n".join(stanzas), "utf-8")
    (state / "sources" / "previous.list").write_text(
        f"deb [trusted=yes] copy:{state}/previous ./\n"
    )
    (state / "preferences").write_text('Package: *\nPin: origin ""\nPin-Priority: 1001\n')
