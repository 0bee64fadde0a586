"""The ``keydesk`` command. The plain console takes the short way, before anything heavy is imported."""

import sys


def main() -> int:
    """Entry point of the command; returns the exit code."""
    argv = sys.argv[1:]
    plain = not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version"))
    if plain:
        from console.launch import main as launch

        return launch(argv)
    from console.commands.group import run

    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
