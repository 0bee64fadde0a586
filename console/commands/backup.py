"""``keydesk backup`` and ``keydesk restore``: a proven copy of the database, and the way back."""

import contextlib
import os
from pathlib import Path
from urllib.parse import unquote

import click

from console import sockets
from console.commands.calls import Core
from console.commands.compose import settings_of
from core import backup
from core.backup import BackupError, Head
from core.model.clock import now_us
from core.private_files import private_file, private_folder
from core.service.server import CoreRefused, database_lock
from core.settings import Settings
from core.vault.keyring import DEFAULT_NAME

settings_option = click.option("--settings", help="Settings file; default: found as usual.")
file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@file_argument
@settings_option
@click.option("--socket", help="The core's socket; default: found as usual.")
def backup_command(file: Path, settings: str | None, socket: str | None) -> int:
    """Copy the database to FILE, mode 0600, and prove the copy: every page, and the log from its first event on.

    Beside a running core the copy comes through its socket (role admin), else from the file. The master key is not
    in it.
    """
    try:
        path, _ = sockets.find(socket)
    except sockets.SocketError as error:
        raise click.ClickException(str(error)) from None
    try:
        if sockets.answers(path):
            head, key_at = _through(Core(socket, timeout=3600), file)
        else:
            head, key_at = _from_file(settings_of(settings), file)
    except (BackupError, CoreRefused) as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{file}: {file.stat().st_size} bytes, whole; its log ends with event {head.seq}, head {head.hash[:16]}..."
    )
    click.echo(
        f"The stock in it opens with the master key alone, which is NOT in the copy: {key_at}\n"
        "Keep that too, and keep it apart from the copies: whoever has both has the stock."
    )
    return 0


def _through(core: Core, file: Path) -> tuple[Head, str]:
    part = file.with_name(f".{file.name}.part")
    if file.exists():
        raise BackupError(f"{file} is there already; name a new file")
    part.unlink(missing_ok=True)
    try:
        private_file(part)
        with part.open("wb") as into:
            told = core.fetch("/v1/backup", into)
            into.flush()
            os.fsync(into.fileno())
        head = backup.check(part)
        if told.get("x-keydesk-head") != f"{head.seq}:{head.hash}":
            raise BackupError("the copy is not what the core sent; nothing was kept")
        part.rename(file)
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return head, unquote(told.get("x-keydesk-key", "")) or "see core.master_key in the core's settings"


def _from_file(settings: Settings, file: Path) -> tuple[Head, str]:
    if not settings.database.is_file():
        raise BackupError(f"there is no database at {settings.database}")
    with database_lock(settings.database):
        backup.copy(settings.database, file)
    try:
        return backup.check(file), _key_at(settings)
    except BackupError:
        with contextlib.suppress(OSError):
            file.unlink()
        raise


def _key_at(settings: Settings) -> str:
    return settings.core.master_key or os.fspath(settings.core.data_dir / DEFAULT_NAME)


@click.command()
@file_argument
@settings_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore_command(file: Path, settings: str | None, yes: bool) -> int:
    """Put the copy FILE in the database's place. Refused while a core runs; FILE is proven first and not changed.

    The old database is moved aside, never deleted. If it knew more than the copy, or cannot be asked, the next core
    reads and shows everything but binds and sends nothing until `keydesk core go`: see docs/operations.md.
    """
    loaded = settings_of(settings)
    if not yes and not click.confirm(f"put {file} in the place of {loaded.database}?", default=False, err=True):
        return 130
    private_folder(loaded.database.parent)
    try:
        with database_lock(loaded.database):
            done = backup.restore(file, loaded.database, now_us())
    except (BackupError, CoreRefused) as error:
        raise click.ClickException(f"{error}. Nothing was changed.") from None
    except OSError as error:
        raise click.ClickException(f"{loaded.database}: {error.strerror}") from None
    click.echo(f"{loaded.database} is now the copy; its log ends with event {done.head.seq}")
    if done.aside is not None:
        click.echo(f"what stood there is kept: {done.aside}")
    click.echo(f"its stock opens with the master key that belongs to it, expected at {_key_at(loaded)}")
    if done.lost:
        click.echo(
            "Keys may have gone out since the copy that it takes for free. The next core sends NOTHING until you have "
            "compared and said: keydesk core go --reason TEXT. The steps are in docs/operations.md, Restore."
        )
    return 0
