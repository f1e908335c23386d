"""What a container is, as seen from inside: processor, limits, packages, GPUs. Part of the shim;
built-in modules only, Python 3.8.

Facts are read from files that may be absent, masked or of another kernel; what is not there is None
or empty, never an error.
"""
# ruff: noqa: SIM105 - contextlib is not a built-in module

import os
import sys
import time

try:
    import _signal as signal  # the library's `signal` is this and an import of `enum`
except ImportError:
    import signal

GPU_SECONDS = 30.0
"""nvidia-smi wakes each GPU; it takes a second on most machines and many on those with 16."""
CGROUP = "/sys/fs/cgroup"
GPU_FIELDS = (
    "uuid",
    "name",
    "driver_version",
    "memory.total",
    "compute_cap",
    "mig.mode.current",
    "ecc.mode.current",
    "pci.bus_id",
)


def gather():
    """What this container is, as seen from inside."""
    asked = ask_gpus()  # first, because it takes longest; the answer is read last
    name = os.uname()
    met = {
        "format": "reprobox.met/1",
        "cpu": cpu(),
        "kernel": {"release": name.release, "version": name.version, "machine": name.machine},
        "cgroup": limits(),
        "memory": {"total": meminfo("MemTotal"), "shm": size_of("/dev/shm")},
        "files": {
            "system": file_system(os.getcwd()),
            "device": device(os.getcwd()),
            "open": open_files(),
        },
        "python": {
            "version": ".".join(str(part) for part in sys.version_info[:3]),
            "implementation": sys.implementation.name,
            "executable": sys.executable,
        },
        "libc": libc(),
        "security": security(),
        "packages": {"python": python_packages(), "debian": debian_packages()},
        "gpus": [],
    }
    met["gpus"] = told_gpus(asked) or driver_gpus()
    return met


def cpu():
    """The first processor's words; all are read as they are, since a hypervisor may mask some."""
    said = {}
    # One read gives the first processors only; the file of a large machine takes long, for each
    # frequency is measured.
    for line in text_of("/proc/cpuinfo", 8192).split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        said[key.strip()] = value.strip()
    flags = (said.get("flags") or said.get("Features") or "").split()
    allowed = sorted(os.sched_getaffinity(0))
    return {
        "vendor": said.get("vendor_id") or said.get("CPU implementer", ""),
        "model_name": said.get("model name") or said.get("CPU part", ""),
        "family": said.get("cpu family") or said.get("CPU architecture", ""),
        "model": said.get("model") or said.get("CPU variant", ""),
        "stepping": said.get("stepping") or said.get("CPU revision", ""),
        "microcode": said.get("microcode", ""),
        "flags": sorted(set(flags)),
        "hypervisor": "hypervisor" in flags,
        "count": os.cpu_count(),
        "allowed": len(allowed),
    }


def cgroup_file(old, new):
    """The text of this container's own cgroup file, by its name in version 1 (controller/file) or
    version 2. Where all groups of the host are mounted, as with Apptainer, the top has files too,
    so its own group is looked for first.
    """
    if os.path.exists(CGROUP + "/cgroup.controllers"):
        return text_of(CGROUP + own_group("") + "/" + new) or text_of(CGROUP + "/" + new)
    controller = old.partition("/")[0]
    return text_of(
        CGROUP + "/" + controller + own_group(controller) + "/" + old.partition("/")[2]
    ) or text_of(CGROUP + "/" + old)


def own_group(controller):
    """This process's group in the hierarchy of a controller ("" for version 2), where the name
    space is the host's.
    """
    for line in text_of("/proc/self/cgroup").splitlines():
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if controller in names.split(","):
            return path
    return ""


def limits():
    """Limits of the cgroup: bytes, processes, processors; None where there is none."""
    two = os.path.exists(CGROUP + "/cgroup.controllers")
    memory = count_of(cgroup_file("memory/memory.limit_in_bytes", "memory.max"))
    if two:
        quota, _, period = cgroup_file("", "cpu.max").strip().partition(" ")
    else:
        quota, period = (
            cgroup_file("cpu/cpu.cfs_quota_us", ""),
            cgroup_file("cpu/cpu.cfs_period_us", ""),
        )
    part, whole = count_of(quota), count_of(period)
    return {
        "version": 2 if two else 1,
        "memory": None if memory is None or memory >= 1 << 60 else memory,
        "pids": count_of(cgroup_file("pids/pids.max", "pids.max")),
        "cpus": part / whole if part and whole and part > 0 else None,
        "cpuset": cgroup_file("cpuset/cpuset.cpus", "cpuset.cpus.effective").strip(),
    }


def count_of(text):
    """A file's one number; None for nothing, `max` or other words."""
    text = text.strip()
    return int(text) if text.lstrip("-").isdigit() else None


def oom_kills():
    """How many processes of this container the kernel has killed for memory; None where nobody
    counts.
    """
    for line in cgroup_file("memory/memory.oom_control", "memory.events").splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill":
            return int(value)
    return None


def peak_memory():
    """The most bytes that the whole container has held, page cache included; None before Linux 5.19
    with cgroup version 2.
    """
    return count_of(cgroup_file("memory/memory.max_usage_in_bytes", "memory.peak"))


def meminfo(name):
    """A line of /proc/meminfo in bytes."""
    for line in text_of("/proc/meminfo").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return None


def size_of(path):
    """Bytes that a file system can hold."""
    try:
        seen = os.statvfs(path)
    except OSError:
        return None
    return seen.f_blocks * seen.f_frsize


def file_system(path):
    """The kind of file system that a path is on, by the longest mount point above it."""
    best, kind = "", ""
    for line in text_of("/proc/self/mounts").splitlines():
        _, place, found = line.split(" ")[:3]
        place = place.replace("\\040", " ")
        above = path == place or path.startswith(place.rstrip("/") + "/")
        if above and len(place) >= len(best):
            best, kind = place, found
    return kind


def device(path):
    """The number of the device that a path is on; None where it cannot be asked."""
    try:
        return os.stat(path).st_dev
    except OSError:
        return None


def open_files():
    """How many files a process may have open: soft and hard limit."""
    for line in text_of("/proc/self/limits").splitlines():
        if line.startswith("Max open files"):
            return line.split()[3:5]
    return []


def libc():
    """The C library's name and version; empty where it does not say (musl)."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def security():
    """What the kernel lets this process do."""
    said = dict(line.partition(":")[::2] for line in text_of("/proc/self/status").splitlines())
    return {
        "seccomp": count_of(said.get("Seccomp", "")),
        "no_new_privileges": count_of(said.get("NoNewPrivs", "")),
        "capabilities": said.get("CapEff", "").strip(),
        "bounding": said.get("CapBnd", "").strip(),
        "aslr": count_of(text_of("/proc/sys/kernel/randomize_va_space")),
        "personality": text_of("/proc/self/personality").strip(),
        "uid": os.getuid(),
        "gid": os.getgid(),
    }


def python_packages():
    """Distributions by their directories' names, in the environments that this interpreter and
    PATH's first one look into.
    """
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    prefixes = [
        os.environ.get("VIRTUAL_ENV", ""),
        first_on_path("python"),
        first_on_path("python3"),
        sys.prefix,
        "/usr/local",
        "/usr",
    ]
    places = [
        prefix + "/lib/" + version + kind
        for prefix in prefixes
        if prefix
        for kind in ("/site-packages", "/dist-packages")
    ]
    found = {}
    for place in dict.fromkeys([*places, "/usr/lib/python3/dist-packages"]):
        for name, version in distributions(place):
            found.setdefault(name, version)
    return found


def first_on_path(program):
    """The prefix of the first program of that name (links are not followed: a virtual environment's
    point out of it).
    """
    for directory in os.environ.get("PATH", "").split(":"):
        if directory and os.access(directory + "/" + program, os.X_OK):
            return os.path.dirname(directory)
    return ""


def distributions(place):
    """Name and version of each distribution in a directory."""
    try:
        entries = os.listdir(place)
    except OSError:
        return
    for entry in sorted(entries):
        stem, dot, kind = entry.rpartition(".")
        if dot and kind in ("dist-info", "egg-info") and "-" in stem:
            parts = stem.split("-")
            yield parts[0], parts[1]


def word(stanza, field):
    """The value of a field of a stanza that begins and ends with a newline; looking for three costs
    less than reading all.
    """
    _, found, after = stanza.partition("\n" + field + ": ")
    return after.partition("\n")[0] if found else ""


def debian_packages():
    """Installed packages, from dpkg's status file or, in images without dpkg, its directory."""
    texts = [text_of("/var/lib/dpkg/status")]
    try:
        texts += [
            text_of("/var/lib/dpkg/status.d/" + name)
            for name in sorted(os.listdir("/var/lib/dpkg/status.d"))
        ]
    except OSError:
        pass
    found = {}
    for text in texts:
        for stanza in ("\n" + text).split("\n\n"):
            stanza = "\n" + stanza.lstrip("\n") + "\n"
            name, status = word(stanza, "Package"), word(stanza, "Status") or "install ok installed"
            if name and status.endswith(" installed"):
                found[name] = word(stanza, "Version")
    return found


def read_all(descriptor):
    """Everything up to the end of a pipe or file, which is closed."""
    parts = []
    while True:
        part = os.read(descriptor, 65536)
        if not part:
            os.close(descriptor)
            return b"".join(parts)
        parts.append(part)


def text_of(path, limit=None):
    """A file's text, or nothing when it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        data = os.read(descriptor, limit) if limit else read_all(os.dup(descriptor))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return data.decode("utf-8", "replace")


# --- GPUs


def ask_gpus(fields=GPU_FIELDS):
    """Starts nvidia-smi where there is one; the process and the end of the pipe that its answer
    comes from.
    """
    if not (
        os.path.exists("/dev/nvidiactl")
        or os.path.exists("/dev/dxg")
        or first_on_path("nvidia-smi")
    ):
        return None
    reading, writing = os.pipe()
    command = ["nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader,nounits"]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    actions = [
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, writing, 1),
    ]
    try:
        child = os.posix_spawnp(
            command[0], command, environment, file_actions=actions, setsigmask=[]
        )
    except OSError:
        os.close(reading)
        return None
    finally:
        os.close(writing)
    return child, reading, fields


def told_gpus(asked):
    """The GPUs that nvidia-smi told of; nothing when it is absent, fails or takes too long."""
    if asked is None:
        return []
    child, reading, fields = asked
    code = end_of(child, GPU_SECONDS)
    text = read_all(reading).decode("utf-8", "replace")
    if code != 0:
        # Drivers before 510 do not know compute_cap and refuse the whole question.
        return (
            told_gpus(ask_gpus(tuple(name for name in fields if name != "compute_cap")))
            if "compute_cap" in fields
            else []
        )
    rows = [
        [value.strip() for value in line.split(",")] for line in text.splitlines() if line.strip()
    ]
    names = [name.replace(".", "_") for name in fields]
    return [dict(zip(names, row)) for row in rows]  # noqa: B905 - strict is of Python 3.10


def end_of(child, seconds):
    """The exit code of our own helper; it is killed when it takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        left = deadline - time.monotonic()
        if left <= 0:
            os.kill(child, signal.SIGKILL)
            deadline += 5
        signal.sigtimedwait({signal.SIGCHLD}, min(max(left, 0.1), 1.0))


def driver_gpus():
    """GPUs by the driver's own files, for containers that were given no nvidia-smi."""
    found = []
    try:
        buses = sorted(os.listdir("/proc/driver/nvidia/gpus"))
    except OSError:
        return found
    driver = text_of("/proc/driver/nvidia/version").partition("\n")[0]
    for bus in buses:
        said = dict(
            line.partition(":")[::2]
            for line in text_of(f"/proc/driver/nvidia/gpus/{bus}/information").splitlines()
        )
        said = {key.strip(): value.strip() for key, value in said.items()}
        found.append(
            {
                "uuid": said.get("GPU UUID", ""),
                "name": said.get("Model", ""),
                "driver_version": driver,
                "pci_bus_id": bus,
            }
        )
    return found


def lost(gpus):
    """UUIDs that were there at the start and are not there now: the run's environment failed,
    whatever the program said.
    """
    if not gpus:
        return []
    now = {gpu["uuid"] for gpu in told_gpus(ask_gpus()) or driver_gpus()}
    return [gpu["uuid"] for gpu in gpus if gpu["uuid"] not in now]
