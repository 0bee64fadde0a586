"""``keydesk serve``: the supervisor's wall in a browser, on this machine alone unless told otherwise."""

import asyncio
import ipaddress
import os
import secrets
import shlex
import signal
import socket as sockets_of
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from console import i18n, identity, sockets
from console.commands.look import socket_option
from console.themes import THEMES

SHORTEST = 16  # characters of a token that somebody chose


@click.command()
@socket_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8712, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--beyond-loopback", is_flag=True, help="Allow a --host that other machines reach: over plain http.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A token of yours, kept over restarts.")
@click.option("--names", is_flag=True, help="Show operators' own figures too, as far as your role sees them.")
@click.option("--viewers", default=4, show_default=True, type=click.IntRange(1, 50), help="Browsers at once.")
@click.option("--language", type=click.Choice(i18n.LANGUAGES), help="Default: your locale's.")
@click.option("--theme", default="keydesk-dark", show_default=True, type=click.Choice([one.name for one in THEMES]))
def serve_command(
    socket: str | None,
    host: str,
    port: int,
    beyond_loopback: bool,
    token_file: Path | None,
    names: bool,
    viewers: int,
    language: str | None,
    theme: str,
) -> int:
    """Serve the supervisor's wall to browsers: read-only, with the orders behind each figure, and no more than that.

    Open the printed address; it carries the token without which nothing is shown. From elsewhere, use a tunnel:
    ssh -L 8712:127.0.0.1:8712 THIS-MACHINE
    """
    try:
        path, _ = sockets.find(socket)
    except sockets.SocketError as error:
        raise click.ClickException(str(error)) from None
    if not sockets.answers(path):
        raise click.ClickException(f"No core answers at {path}. Start one with: keydesk core")
    if not _loopback(host) and not beyond_loopback:
        raise click.ClickException(
            f"{host} can be reached from other machines, over plain http. Use a tunnel (ssh -L {port}:127.0.0.1:{port}), "
            "or a proxy with TLS in front; to serve there all the same: --beyond-loopback"
        )
    i18n.use(i18n.pick(language))
    token = _token(token_file)
    try:
        from console.commands.wall_server import WallServer
    except ImportError:
        raise click.ClickException("This needs textual-serve: pip install 'keydesk[serve]'") from None
    bound = _bound(host, port)
    shown_host = f"[{host}]" if ":" in host else host
    server = WallServer(
        _command(path, language, theme, names), f"{shown_host}:{bound.getsockname()[1]}", token, viewers
    )
    click.echo(f"The wall is at {server.address}/?token={token}")
    click.echo("Whoever has this address sees it. ctrl+c ends it.", err=True)
    if identity.health(path).get("people"):
        click.echo("Several people share your OS user, so the wall is shown as to a viewer.", err=True)
    asyncio.run(_until_stopped(server.run(bound)))
    return 0


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token(file: Path | None) -> str:
    if file is None:
        return secrets.token_urlsafe(24)
    try:
        token = file.read_text("utf-8").strip()
        open_to_others = file.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} cannot be read ({type(error).__name__}).") from None
    if open_to_others:
        raise click.ClickException(f"{file} can be read by others: chmod 600 {file}")
    if len(token) < SHORTEST or not all(c.isascii() and (c.isalnum() or c in "-_") for c in token):
        raise click.ClickException(f"A token has {SHORTEST} or more letters, digits, - and _.")
    return token


def _bound(host: str, port: int) -> sockets_of.socket:
    try:
        family, *_, address = sockets_of.getaddrinfo(host, port, type=sockets_of.SOCK_STREAM)[0]
        return sockets_of.create_server(address[:2], family=family)
    except OSError as error:
        raise click.ClickException(
            f"{host}:{port} cannot be used ({error.strerror or error}). Choose another: --port 0 takes any."
        ) from None


def _command(path: Path, language: str | None, theme: str, names: bool) -> str:
    """The console that each browser gets, for a shell; ``exec``, so that no shell stands between us and it."""
    words = [sys.executable, "-P", "-m", "console", "--socket", os.fspath(path), "--language", i18n.pick(language)]
    words += ["--theme", theme, "--read-only", "--wall", "--kiosk", "--no-direct", *([] if names else ["--no-names"])]
    return f"exec {shlex.join(words)}"


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(one, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
