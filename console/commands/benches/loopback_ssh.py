"""A throw-away OpenSSH server on loopback, with keys and configuration of its own, for ``keydesk bench desk --ssh``.

It listens on 127.0.0.1 alone, lets in one key that is made for the run, and leaves nothing behind.
"""

import getpass
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

WAIT_S = 10.0
HOST = "keydesk-bench"


class Line:
    """How a program is run at the other end."""

    def __init__(self, folder: Path) -> None:
        self._config, self._pid = folder / "ssh_config", folder / "program.pid"

    def through(self, command: Sequence[str], env: Mapping[str, str]) -> list[str]:
        """The local command that runs ``command`` there, in a terminal, with this environment and no other."""
        names = " ".join(shlex.quote(f"{name}={value}") for name, value in env.items())
        there = f"echo $$ > {shlex.quote(str(self._pid))}; exec env -i {names} {shlex.join(command)}"
        return ["ssh", "-F", str(self._config), "-tt", "-e", "none", HOST, there]

    def pid(self) -> int:
        """The process of the program that was started last."""
        return int(self._pid.read_text("ascii"))


@contextmanager
def loopback(folder: Path) -> Iterator[Line]:
    """The server while the block runs. Raises ClickException when OpenSSH is missing or does not start."""
    server = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if server is None or shutil.which("ssh") is None:
        raise click.ClickException(
            "--ssh needs OpenSSH's server and client. On Debian: apt install openssh-server openssh-client"
        )
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    port = _free_port()
    (folder / "sshd_config").write_text(_SERVER.format(folder=folder, port=port), "utf-8")
    (folder / "ssh_config").write_text(
        _CLIENT.format(folder=folder, port=port, user=getpass.getuser(), host=HOST), "utf-8"
    )
    with (folder / "log").open("wb") as log:
        command = [server, "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(folder, process)
        yield Line(folder)
    finally:
        process.terminate()
        process.wait(10)


def _wait(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + WAIT_S
    while process.poll() is None and time.monotonic() < until:
        tried = subprocess.run(
            ["ssh", "-F", str(folder / "ssh_config"), HOST, "true"], stdin=subprocess.DEVNULL, capture_output=True
        )
        if tried.returncode == 0:
            return
        time.sleep(0.1)
    said = (folder / "log").read_text("utf-8", "replace").strip()[-400:]
    hint = "; run: mkdir -m 755 /run/sshd" if "privilege separation" in said else ""
    raise click.ClickException(f"the loopback SSH server did not let us in: {said}{hint}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


_SERVER = """ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
UseDNS no
LogLevel ERROR
"""
_CLIENT = """Host {host}
HostName 127.0.0.1
Port {port}
User {user}
IdentityFile {folder}/user
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile {folder}/known
StrictHostKeyChecking accept-new
ControlMaster no
Compression no
LogLevel ERROR
"""
