"""``python -m console --socket PATH``: the console alone, on a core that already runs."""

import argparse
import os
import sys
import threading
import time


def main() -> int:
    """Parses the few options and runs the desk."""
    # Both are read when textual is imported: a data frame must not make the next key wait for its paint timer.
    os.environ.setdefault("TEXTUAL_FPS", "1000")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from console import identity
    from console.app import Options, run_desk
    from console.i18n import LANGUAGES

    parser = argparse.ArgumentParser(prog="python -m console", description=__doc__)
    parser.add_argument(
        "--socket", default=os.environ.get("KEYDESK_SOCKET"), required="KEYDESK_SOCKET" not in os.environ
    )
    parser.add_argument("--language", choices=LANGUAGES)
    parser.add_argument("--theme")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--mouse", action="store_true")
    parser.add_argument("--no-direct", action="store_true", help="paint through Textual's compositor only")
    parser.add_argument("--wall", action="store_true", help="open on the supervisor's wall")
    parser.add_argument("--kiosk", action="store_true", help="look only, whatever the role; write no file")
    parser.add_argument("--no-names", action="store_true", help="nobody's own figures: the core takes us for a viewer")
    given = parser.parse_args()
    if given.no_names:
        identity.look_only()
    if given.kiosk:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    options = Options(
        given.ascii,
        given.read_only,
        given.mouse,
        direct=not given.no_direct,
        wall=given.wall,
        kiosk=given.kiosk,
        names=not given.no_names,
    )
    return run_desk(given.socket, given.language, given.theme, options)


def _end_with(parent: int) -> None:
    """A browser's console ends with its server, however that ended: nothing else would tell it."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
