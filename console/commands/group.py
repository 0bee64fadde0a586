"""The command's surface: each subcommand lives in its own module and is imported only when it is called."""

import importlib
from importlib import metadata

import click

SURFACE = {
    "audit": ("audit", "Prove the six promises on the live database."),
    "backup": ("backup", "A proven copy of the database, beside a running core too."),
    "bench": ("bench", "Benchmarks, as ratios to a floor measured in the same run."),
    "cases": ("look", "What waits for a person, by kind."),
    "connect": ("connect", "Shops and channels: health, and a step-by-step test."),
    "core": ("core", "Run the engine in the foreground; `core stop` ends a private one."),
    "demo": ("demo.command", "The practice world with live orders: try everything, touch nothing real."),
    "doctor": ("doctor", "What this terminal, database and configuration can and cannot do."),
    "evidence": ("evidence", "All about one order in a zip that can be proven; `evidence verify` proves one."),
    "history": ("history", "The event log, newest first: by person, kind, order and time."),
    "keys": ("keys", "Import card keys, undo an import, show the stock."),
    "migrate": ("core", "Bring the database to this version's schema."),
    "orders": ("look", "The queue for scripts; orders from a CSV file; the keys of one order."),
    "pin": ("pin", "The settings line of one of several people who share an OS user."),
    "restore": ("backup", "Put a copy in the database's place; the old one is kept."),
    "rules": ("rules", "Check a rules file before it goes live."),
    "serve": ("serve", "The supervisor's wall in a browser, on this machine alone."),
    "status": ("look", "The core's health, throughput, backlog and lateness."),
}


class Lazy(click.Group):
    """Loads a subcommand's module on demand, so that --help stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(SURFACE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in SURFACE:
            return None
        module = importlib.import_module(f"console.commands.{SURFACE[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name and one line each, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SURFACE[name][1]) for name in sorted(SURFACE)])


@click.command(
    cls=Lazy,
    epilog="Options of the console: --socket PATH, --settings FILE, --language zh_CN|en, --view NAME, --theme NAME, "
    "--ascii, --read-only, --mouse, --no-direct, --bell, --wall, --no-tour, --auto-next.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(metadata.version("keydesk"), prog_name="keydesk")
def keydesk() -> None:
    """Keydesk 卡台: every paid order gets its key, exactly once.

    Without a command: the operator's console on the running core (one is started if there is none).
    New here? `keydesk demo` opens the desk on a practice world with live orders.
    """


def run(argv: list[str]) -> int:
    """Run one command line; returns the exit code."""
    try:
        code = keydesk.main(argv, prog_name="keydesk", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return 130
    return code if isinstance(code, int) else 0
