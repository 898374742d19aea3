"""A Docker engine for `make sam`: the one that runs on this machine, else a private one of the stack's own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from localstack.failures import ServerDied, StackFailure
from localstack.packages import Progress, find_program, install_missing
from localstack.processes import Processes, plain_environment

# Folders of a run directory: the private engine's own, and what SAM CLI mounts into containers.
PRIVATE, SAM = "docker", "sam"
# containerd's sockets lie up to 40 characters below the engine's folder, and a socket's path ends at 107.
LONGEST_FOLDER = 60
# Where the private engine looks for a network that nothing on this machine uses yet: 172.30.0.0/24 and up.
NETWORKS = [IPv4Network(f"172.30.{third}.0/24") for third in range(64)]


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers. `host` is its DOCKER_HOST, "" for the client's own choice.

    `address` is this machine's address on the containers' network, or None where the engine lives in a machine of
    its own (Docker Desktop) and containers reach this one's loopback as host.docker.internal.
    """

    host: str
    address: str | None
    private: bool

    @property
    def environment(self) -> dict[str, str]:
        """What points the docker client and SAM CLI at this engine."""
        return {"DOCKER_HOST": self.host} if self.host else {}

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """`docker ARGUMENTS` against this engine, output captured; it never raises for a failed command."""
        return _docker(arguments, self.environment, seconds)

    def containers_of(self, folder: Path) -> list[str]:
        """Ids of the containers, running or not, that have something below `folder` mounted."""
        listed = self.run("ps", "--all", "--quiet", "--no-trunc").stdout.split()
        if not listed:
            return []
        # One that ends meanwhile is reported as missing; the others are answered all the same.
        told = self.run("inspect", "--format", "{{json .Id}} {{json .Mounts}}", *listed).stdout
        rows = [row.split(" ", 1) for row in told.splitlines() if row.strip()]
        return [
            json.loads(identity)
            for identity, mounts in rows
            if any(Path(mount.get("Source", "/")).is_relative_to(folder) for mount in json.loads(mounts))
        ]

    def remove_containers_of(self, folder: Path) -> None:
        """Ends and removes what `containers_of` finds. For what SAM CLI, ended in haste, left behind."""
        left = self.containers_of(folder)
        if left:
            self.run("rm", "--force", "--volumes", *left)


def running_engine() -> Engine | None:
    """The engine that the docker client of this machine reaches (DOCKER_HOST, context, usual sockets), or None."""
    if find_program("docker") is None:
        return None
    environment = {"DOCKER_HOST": os.environ["DOCKER_HOST"]} if os.environ.get("DOCKER_HOST") else {}
    if not _answers(environment):
        return None
    host = environment.get("DOCKER_HOST") or _endpoint_of_context()
    return Engine(host=host, address=_own_address(_bridge_gateway(host)), private=False)


def engine(processes: Processes, progress: Progress) -> Engine:
    """An engine for the stack of `processes`: a running one, else a private one, installed first if need be.

    Raises StackFailure, one sentence, where there can be none. The private one is a process of the stack's, "docker".
    """
    found = running_engine()
    if found is not None:
        return found
    unable = why_no_engine()
    if unable:
        raise StackFailure(unable)
    log = processes.logs / "packages.log"
    install_missing(("dockerd", "ip"), log=log, progress=progress)
    # Debian 12 ships the client with the engine, Debian 13 beside it.
    install_missing(("docker",), log=log, progress=progress)
    progress("starting a private Docker engine")
    try:
        return _start(processes, ())
    except ServerDied as died:
        # overlay2 can't lie on every file system (another overlay, some network ones); vfs can, only slower.
        if "graphdriver" not in died.log.read_text(errors="replace") + str(died):
            raise
        _end_process(processes)
        return _start(processes, ("--storage-driver", "vfs"))


def engine_of(run_directory: Path) -> Engine | None:
    """The engine that a running stack uses: its private one where that answers, else the machine's."""
    host = f"unix://{_sockets(run_directory) / 'docker.sock'}"
    if find_program("docker") and _answers({"DOCKER_HOST": host}):
        return Engine(host=host, address=None, private=True)
    return running_engine()


def why_no_engine() -> str | None:
    """One sentence that says why this machine can have no engine of the stack's own, or None when it can."""
    if sys.platform != "linux":
        return "No Docker engine answers: start Docker Desktop (or another engine) and try again."
    if os.geteuid() != 0:
        return "No Docker engine answers, and a private one takes root to start: start Docker, or try again as root."
    if find_program("dockerd") is None and shutil.which("apt-get") is None:
        return "No Docker engine answers and there is no apt-get to install one with: install Docker and start it."
    return None


def clean_up(run_directory: Path) -> None:
    """Removes what the engine and SAM CLI of `run_directory` left on this machine, once their processes have ended.

    Containers of a shared engine; mounts, the bridge and sockets of a private one. Its images stay, for the next run.
    """
    if (run_directory / SAM).exists():
        shared = running_engine()
        if shared is not None:
            shared.remove_containers_of(run_directory / SAM)
    if (run_directory / PRIVATE).exists():
        _unmount_below(run_directory / PRIVATE)
        _ip("link", "delete", link_name(run_directory))
        if _sockets(run_directory) != run_directory / PRIVATE:
            shutil.rmtree(_sockets(run_directory), ignore_errors=True)


def _docker(
    arguments: tuple[str, ...], environment: Mapping[str, str], seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    command = [str(find_program("docker") or "docker"), *arguments]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **environment},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"docker did not answer within {seconds:g} s")


def _answers(environment: Mapping[str, str]) -> bool:
    told = _docker(("version", "--format", "{{.Server.Version}}"), environment, 20)
    return told.returncode == 0 and bool(told.stdout.strip())


def _endpoint_of_context() -> str:
    # SAM CLI reads DOCKER_HOST but not every client's contexts, so the context's own endpoint is spelt out for it.
    told = _docker(("context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), {})
    return told.stdout.strip() if told.returncode == 0 else ""


def _bridge_gateway(host: str) -> str | None:
    told = _docker(
        ("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}"),
        {"DOCKER_HOST": host} if host else {},
    )
    return next((gateway for gateway in told.stdout.split() if "." in gateway), None)


def _own_address(address: str | None) -> str | None:
    """`address` when a server of this machine can listen on it, else None."""
    if address is None:
        return None
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return None
    return address


def _sockets(run_directory: Path) -> Path:
    folder = run_directory / PRIVATE
    return folder if len(str(folder)) <= LONGEST_FOLDER else Path("/run") / link_name(run_directory)


def _start(processes: Processes, options: tuple[str, ...]) -> Engine:
    folder, sockets = processes.run_directory / PRIVATE, _sockets(processes.run_directory)
    for made in (folder, sockets):
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    host = f"unix://{sockets / 'docker.sock'}"
    # An empty file of its own: /etc/docker/daemon.json may hold settings that contradict these.
    configuration = folder / "daemon.json"
    configuration.write_text("{}\n")
    # A killed engine leaves its pid file, and the pid may be another process's by now.
    (sockets / "docker.pid").unlink(missing_ok=True)
    link, network = _make_link(processes.run_directory)
    try:
        child = processes.start(
            "docker",
            [
                find_program("dockerd") or "dockerd",
                *("--config-file", configuration),
                *("--data-root", folder / "data"),
                *("--exec-root", sockets / "exec"),
                *("--pidfile", sockets / "docker.pid"),
                *("--host", host),
                *("--bridge", link),
                # The machine's firewall and routing stay as they are. Containers reach this machine by the bridge
                # and nothing beyond it, which is all that the functions need.
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
                "--ip-masq=false",
                *options,
            ],
            # dockerd finds containerd, runc and its proxy by PATH, where a user's leaves sbin out.
            environment=plain_environment(PATH=f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', os.defpath)}"),
        )
        processes.wait_ready("Docker", child, lambda: _answers({"DOCKER_HOST": host}), log="docker", seconds=60)
    except BaseException:
        _ip("link", "delete", link)
        raise
    started = Engine(host=host, address=str(network[1]), private=True)
    started.run("container", "prune", "--force")  # those of a run that was killed
    return started


def _end_process(processes: Processes) -> None:
    for entry in processes.entries:
        if entry.name == "docker":
            processes.end_one(entry, 20)


def link_name(run_directory: Path) -> str:
    """The private bridge's name in `ip link`."""
    # At most 15 characters, and the same for every run in one directory.
    return f"eatit{zlib.crc32(str(run_directory.resolve()).encode()):08x}"


def _make_link(run_directory: Path) -> tuple[str, IPv4Network]:
    """A bridge of this stack's own, so that no docker0 stays behind and no other engine's is touched."""
    link = link_name(run_directory)
    _ip("link", "delete", link)  # of a run that was killed
    taken = _ip("-oneline", "-4", "address", "show").stdout + _ip("-4", "route", "show").stdout
    used = [IPv4Network(word, strict=False) for word in taken.split() if _is_network(word)]
    network = next((free for free in NETWORKS if not any(free.overlaps(other) for other in used)), None)
    if network is None:
        raise StackFailure("Every network of 172.30.0.0/18 is in use: remove a Docker network and try again.")
    for arguments in (
        ("link", "add", link, "type", "bridge"),
        ("address", "add", f"{network[1]}/{network.prefixlen}", "dev", link),
        ("link", "set", link, "up"),
    ):
        done = _ip(*arguments)
        if done.returncode != 0:
            _ip("link", "delete", link)
            raise StackFailure(
                f"Docker's network can't be made here: `ip {' '.join(arguments)}` says {done.stderr.strip()}."
            )
    return link, network


def _is_network(word: str) -> bool:
    address, _, prefix = word.partition("/")
    return prefix.isdigit() and address.count(".") == 3


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(find_program("ip") or "ip"), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _unmount_below(folder: Path) -> None:
    """An engine that was killed leaves its containers' mounts behind, and with them its data can't be removed."""
    try:
        rows = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return
    points = [row.split()[1].replace("\\040", " ") for row in rows]
    for point in sorted((point for point in points if Path(point).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
