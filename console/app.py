"""The console's app: wiring only. Keys go through one router, the core through one client."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen

from console import i18n
from console.client import Client
from console.keymap import Keymap, KeymapError, default_path, load
from console.options import USUAL, Options
from console.presenters.cells import ASCII, UNICODE
from console.resume import Left, load_left, save_left
from console.screens.desk import DeskScreen
from console.themes import THEMES, style_paths, theme_for
from console.tidy import Tidy, spare_caches
from core.model.clock import Clock, now_us

LAST_GASP_S = 3.0  # a frozen terminal may never take our goodbye


class DeskApp(App[None]):
    """One desk for one person. It owns nothing but what is on the screen."""

    ENABLE_COMMAND_PALETTE = False  # ours is drawn from the registry and offers no screenshot of secrets
    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = None

    def __init__(
        self,
        client: Client,
        clock: Clock = now_us,
        language: str = "zh_CN",
        theme: str = "keydesk-dark",
        options: Options = USUAL,
    ) -> None:
        i18n.use(language)
        super().__init__(css_path=[str(p) for p in style_paths()], watch_css=False)
        self._bindings.key_to_bindings.clear()
        spare_caches()
        self.tidy = Tidy()
        self.window = Size(80, 24)
        for one in THEMES:
            self.register_theme(one)
        self._begin_with(theme if theme in self.available_themes else "keydesk-dark")
        self.crash_file: Path | None = None
        self._keymap_error = ""
        self._options = options
        keymap = self._read_keymap(options.keymap or default_path())
        self._resume = options.resume and not options.kiosk
        left = load_left(client.socket_path) if self._resume else Left()
        if options.view:
            left = Left(options.view, auto_next=left.auto_next)
        self.desk = DeskScreen(
            client,
            clock,
            keymap,
            ASCII if options.ascii else UNICODE,
            live=options.live,
            direct=options.direct,
            read_only=options.read_only,
            left=left,
            bell=options.bell,
            kiosk=options.kiosk,
            names=options.names,
        )
        self.desk.standing.auto_next = left.auto_next or options.auto_next

    def _begin_with(self, theme: str) -> None:
        wanted = self.available_themes[theme]
        if wanted.ansi or not wanted.dark:  # these need the toolkit's own watcher
            self.theme = theme
            return
        # Nothing is on the screen yet: the watcher would parse all styles a second time (12 ms of every start).
        self.set_reactive(App.theme, theme)
        self.stylesheet.set_variables(self.get_css_variables())

    def _read_keymap(self, path: Path) -> Keymap:
        try:
            keymap = Keymap(load(path))
        except KeymapError as error:
            self._keymap_error = str(error)
            return Keymap()
        if keymap.clashes:
            self._keymap_error = "; ".join(keymap.clashes)
        return keymap

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        # Textual counts the screen below as seen, and paints a whole new frame of the top one for each change of it: the
        # desk's clocks would make an idle wall write for ever. The wall hides all of the desk.
        return [] if self.desk.wall.is_top(self.screen) else super()._background_screens

    def get_default_screen(self) -> DeskScreen:
        """The desk is the first and only full screen."""
        return self.desk

    def on_mount(self) -> None:
        """Signals end the console in order; nothing of the core hangs on it."""
        if self._keymap_error:
            self.desk.say(i18n.t("error.keymap", message=self._keymap_error), "warn")
        given = self._options
        if given.wall:
            self.desk.wall.do_wall()
        elif given.tour and not (given.kiosk or given.read_only):
            self.desk.tour.first()
        if given.live:
            # What stands after the start stays for good; collecting it again and again would make keys wait.
            self.set_timer(2.0, _keep_for_good)
            self.set_interval(Tidy.EVERY_S, self.tidy.look)
        if threading.current_thread() is threading.main_thread() and not self.is_headless:
            self._loop_to_wake = asyncio.get_running_loop()
            for one in (signal.SIGHUP, signal.SIGTERM):
                signal.signal(one, self._signalled)

    def on_resize(self, event: events.Resize) -> None:
        """In a window too small for the desk that is said instead of its pieces."""
        from console.screens.too_small import TooSmallScreen, too_small

        self.window = event.size
        small, covers = too_small(event.size), [one for one in self.screen_stack if isinstance(one, TooSmallScreen)]
        if small and not covers:
            self.push_screen(TooSmallScreen())
        elif covers and not small:
            covers[0].fits()

    def pop_screen(self) -> AwaitComplete:
        """What was left is memory to be given back, once the hand rests."""
        self.tidy.left()
        return super().pop_screen()

    def _signalled(self, *_: object) -> None:
        # A plain handler: one of the loop's own would never run while a write to a frozen terminal blocks the loop.
        last = threading.Timer(LAST_GASP_S, os._exit, (0,))
        last.daemon = True
        last.start()
        self._loop_to_wake.call_soon_threadsafe(self.exit)

    async def on_unmount(self) -> None:
        """Gives leases back, and remembers where the person was."""
        if self._resume:
            save_left(self.desk.client.socket_path, self.desk.left())
        await self.desk.session.leave()

    # keys

    async def on_event(self, event: events.Event) -> None:
        """Keys first: the router sees them before Textual's own bindings do."""
        taken = False
        if isinstance(event, events.Key) and not event.is_forwarded:
            taken = self._route(event)
        elif isinstance(event, events.Paste) and not event.is_forwarded:
            taken = self.desk.typeahead.takes_text(event.text)
        if taken:
            event.stop()
            return
        await super().on_event(event)

    def _route(self, event: events.Key) -> bool:
        self.tidy.pressed()
        if self.desk.typeahead.takes(event):
            return True
        if getattr(self.screen.focused, "in_order", False):
            return False  # the box asks its screen, when the keys before this one are done
        if self.desk.leading.waits_on(self.screen):
            return self.desk.leading.takes(event.key)
        handler: Callable[[str], bool] | None = getattr(self.screen, "desk_key", None)
        return handler is not None and handler(event.key)

    def desk_help(self, desk: DeskScreen) -> None:
        """The keys of where one is."""
        from console.screens.help import HelpScreen

        if desk.wall.shown:
            from console.screens.wall import ALSO

            self.push_screen(HelpScreen(desk, ("wall",), ALSO))
            return
        self.push_screen(HelpScreen(desk, desk.scopes))

    def desk_palette(self, desk: DeskScreen) -> None:
        """Every action and place by name."""
        from console.screens.menu import palette

        self.push_screen(palette(desk), desk.picked)

    def desk_quit(self, desk: DeskScreen) -> None:
        """Leaves; the core works on."""
        self.exit()

    # a crash shows where, never what: no locals, no values

    def _fatal_error(self) -> None:
        error = self._exception or sys.exc_info()[1]
        lines = [type(error).__name__]
        with suppress(Exception):  # nothing may stand between a crash and its end
            from console import crash

            lines = crash.trace(error, 8)
            self.crash_file = self.crash_file or crash.leave(error, self.desk, self.theme)
        self._exit_renderables.append(Content("\n".join(["keydesk console:", *lines])).plain)
        self._close_messages_no_wait()


def _keep_for_good() -> None:
    gc.freeze()
    gc.enable()


def run_desk(
    socket_path: str,
    language: str | None = None,
    theme: str | None = None,
    options: Options = USUAL,
    clock: Clock = now_us,
) -> int:
    """Runs the console on a core's socket until the person quits. Answers the exit code."""
    sys.setswitchinterval(0.0005)  # the reader of keys is a thread; it must not wait 5 ms for its turn
    gc.set_threshold(20_000, 20, 50)
    client = Client(socket_path)
    app = DeskApp(client, clock, i18n.pick(language), theme_for(theme), options)
    with suppress(KeyboardInterrupt):
        app.run(mouse=options.mouse)
    if app.crash_file is not None:
        sys.stderr.write(i18n.t("crash.kept", path=app.crash_file) + "\n")
    return app.return_code or 0
