"""``make words``: the gettext catalogues in their one form, and compiled. A development tool: Babel is not there at run time.

A catalogue is written the same way by whoever saves it: sorted by key, a note before each family of keys, no dates and no
places in the code. What an editor such as Poedit adds goes away again, so that a changed word is one changed line.
"""

import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from console.i18n import LANGUAGES, compiled_path

# What a family of keys is, for who translates it. The part of a key before its first dot names the family.
FAMILIES = {
    "about": "What a kind of case is and what to do, one or two sentences; beside the list of kinds",
    "act": "Actions, by their id: in footer, help, palette, menus",
    "advice": "What to do about a class of connector error",
    "app": "The program's name",
    "ask": "Prompts for one line, and names of an action's arguments",
    "auto": "The next order by itself",
    "blocked": "Why an action leaves an order out; in the preview of a batch",
    "case": "Kinds of cases that wait for a person; short, in a cell",
    "cases": "The screen of exceptions",
    "claim": "Claims: who works on an order",
    "col": "Columns of the queue; as narrow as their cells",
    "command": "The command line",
    "connections": "The screen of shops and gateways",
    "crash": "What is said after a crash",
    "detail": "The detail of one order",
    "did": "What somebody did to an order; inside claim.last",
    "digit": "A choice by one digit",
    "do": "The preview of a batch: what is done to how many orders",
    "doctor": "The doctor's findings, and what to do about them",
    "error": "Errors of calls",
    "event": "Kinds of events in the history; short, in a cell",
    "evidence": "Evidence packs",
    "export": "Exports to a file",
    "fact": "Names of facts about an order; short",
    "file": "Paths and files that cannot be used",
    "filter": "The queue's filter",
    "find": "Finding an order",
    "flag": "A fact that is so, or not",
    "footer": "The line at the bottom",
    "guard": "Why an action is not available now",
    "head": "The lines at the top; short",
    "help": "The help screen: names of places, the filter in a line",
    "history": "The history of decisions and events",
    "hold": "Reasons of a hold; short, in a cell",
    "intent": "States of an attempt to send",
    "job": "Jobs: a batch that is being done, or was",
    "jump": "Letters before the rows",
    "keys": "The import of a key file",
    "keystate": "States of a key",
    "leader": "The box of a leader: a key after which one more is pressed",
    "link": "The line to the core",
    "log": "The desk's own messages",
    "long": "Why an order is not moving, as a sentence",
    "macro": "Macros",
    "mark": "Marks by filter",
    "menu": "The menu that is picked from by typing",
    "money": "How far an order is paid; short, in a cell",
    "palette": "The palette of commands",
    "pane": "Any screen beside the queue",
    "pin": "Who sits here, asked before the desk opens",
    "paste": "Order numbers pasted on the desk",
    "platform": "What a platform says of an order",
    "queue": "The list: what stands in place of rows, and the line below it",
    "recall": "One's last decisions",
    "repeat": "The last act once more",
    "report": "A text to agree to",
    "reveal": "Keys shown in the clear",
    "role": "Roles",
    "rules": "The screen of rules",
    "said": "Sentences that the core writes itself: verdicts, notes, causes",
    "serve": "The wall in a browser",
    "stage": "Where an order stands; short, in a cell",
    "stock": "The screen of stock, and the line of stock above the queue",
    "step": "Stages of an order as the log tells them: from, to",
    "tab": "Short names of views, where tabs are narrow",
    "timeline": "Timelines to a file",
    "tip": "What an action does, in help; by its id",
    "tour": "The first-run tour; each step at most four lines of 78 cells",
    "view": "Views",
    "views": "Saved views",
    "window": "A window that is too small for the desk",
    "wall": "The supervisor's wall; columns are as narrow as their cells",
    "why": "Why an order is not moving; short, in a cell",
    "xray": "All of one order, as a tree",
}
_HEAD = (
    "# Keydesk: the words of the console, {language}.\n"
    "# msgid is our key, msgstr the words. Facts stand in braces; {{n:,}} is a count with its thousands apart.\n"
    "# After a change: make words"
)

Words = str | tuple[str, ...]  # a tuple is the plural forms, in the catalogue's order


class _Bare(Catalog):
    """A catalogue whose header holds what gettext needs and nothing that changes by itself."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """The header's lines."""
        return [
            ("Project-Id-Version", "Keydesk"),
            ("Language", self.locale_identifier or ""),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", self.plural_forms),
        ]


def source_path(language: str) -> Path:
    """Where the words of a language are edited."""
    return compiled_path(language).with_suffix(".po")


def messages(source: bytes, language: str) -> Iterator[Message]:
    """The messages of a catalogue, without its header. Raises PoFileError for a file that is no catalogue."""
    catalog = read_po(BytesIO(source), locale=language, ignore_obsolete=True, abort_invalid=True)
    return (message for message in catalog if message.id)


def words_of(message: Message) -> tuple[str, Words]:
    """Its key, and its words or their plural forms."""
    key = message.id if isinstance(message.id, str) else message.id[0]
    return key, message.string if isinstance(message.string, str) else tuple(message.string)


def entries(language: str) -> dict[str, Words]:
    """Every key of a language with its words."""
    return dict(map(words_of, messages(source_path(language).read_bytes(), language)))


def build(language: str, words: Mapping[str, Words], doubtful: frozenset[str] = frozenset()) -> Catalog:
    """A catalogue of these words. Raises KeyError for a key of a family that FAMILIES does not describe."""
    catalog = _Bare(locale=language, header_comment=_HEAD.format(language=language), fuzzy=False)
    family = ""
    for key in sorted(words):
        told, family = family, key.partition(".")[0]
        notes = [f"{family}: {FAMILIES[family]}"] if family != told else []
        flags = ["fuzzy"] if key in doubtful else []
        said = words[key]
        catalog.add(key if isinstance(said, str) else (key, key), said, flags=flags, auto_comments=notes)
    return catalog


def tidy(source: bytes, language: str) -> Catalog:
    """The same words in their one form; a word that is still in doubt stays so."""
    found = list(messages(source, language))
    doubtful = frozenset(words_of(message)[0] for message in found if message.fuzzy)
    return build(language, dict(map(words_of, found)), doubtful)


def source_bytes(catalog: Catalog) -> bytes:
    """The catalogue as it is edited."""
    out = BytesIO()
    write_po(out, catalog, width=0, no_location=True)
    return out.getvalue().rstrip() + b"\n"


def compiled_bytes(catalog: Catalog) -> bytes:
    """The catalogue as it is read at run time."""
    out = BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def write(language: str, catalog: Catalog) -> None:
    """Both files of a language."""
    path = source_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source_bytes(catalog))
    compiled_path(language).write_bytes(compiled_bytes(catalog))


def main() -> None:
    """Tidies and compiles every language."""
    for language in LANGUAGES:
        try:
            catalog = tidy(source_path(language).read_bytes(), language)
        except KeyError as error:
            sys.exit(f"{source_path(language)}: say in FAMILIES of {__file__} what the words {error}.* are for")
        write(language, catalog)
        print(f"{source_path(language)}: {len(catalog)} words")


if __name__ == "__main__":
    main()
