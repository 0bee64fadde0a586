"""Settings: precedence, origins, secrets by reference, and mistakes that name file, line, key and remedy."""

import os
from pathlib import Path

import pytest

from core import settings_files
from core.service.options import Options
from core.service.roles import pin_hash
from core.settings import RANK, Settings, SettingsError, load

CANARY = "canary-9f2c-plain"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.startswith("KEYDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(folder: Path, text: str, name: str = "settings.toml", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def refusal(file: Path, **flags: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(flags, file)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_the_shipped_file_loads_as_it_stands(tmp_path: Path) -> None:
    settings = load()
    assert settings.file == settings_files.package_root() / "settings.toml"
    assert settings.shops == {}
    assert settings.warnings == ()
    assert settings.database == tmp_path / "data" / "keydesk" / "keydesk.db"
    for name in ("rules", "products"):
        assert settings.companion(name).name == f"{name}.toml"


def test_every_shipped_value_is_the_default(tmp_path: Path) -> None:
    shipped, bare = load(), load(file=write(tmp_path, ""))
    assert shipped.model_dump() == bare.model_dump()


def test_people_behind_one_user_have_hashed_pins_that_nothing_shows(tmp_path: Path) -> None:
    hashed = pin_hash("471108")
    text = f'[operators.desk.wang]\nrole = "operator"\npin = "{hashed}"\n[operators.desk."李"]\nrole = "supervisor"\npin = "{hashed}"\n'
    settings = load(file=write(tmp_path, text))
    assert settings.operators["desk"]["李"].role == "supervisor"
    assert hashed not in repr(settings)
    assert ("operators.desk.wang.pin", "***", str(settings.file)) in settings.origins()
    assert hashed not in str(settings.origins())
    shared = Options.from_settings(settings, "test").shared
    assert [(p.name, p.role) for p in shared["desk"]] == [("wang", "operator"), ("李", "supervisor")]
    plain = refusal(write(tmp_path, f'[operators.desk.wang]\nrole = "operator"\npin = "{CANARY}"\n'))
    assert "operators.desk.wang.pin" in plain
    twice = f'[roles]\nwang = "admin"\n[operators.desk.wang]\nrole = "operator"\npin = "{hashed}"\n'
    assert "two people cannot have one name" in refusal(write(tmp_path, twice))


def test_flags_beat_environment_beats_file_beats_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "[desk]\nundo_seconds = 1\nclaim_seconds = 11\nconfirm_number_above = 7\n")
    monkeypatch.setenv("KEYDESK_DESK__UNDO_SECONDS", "2")
    monkeypatch.setenv("KEYDESK_DESK__CLAIM_SECONDS", "12")
    settings = load({"desk.undo_seconds": 3, "core.language": None}, file)
    desk = settings.desk
    assert (desk.undo_seconds, desk.claim_seconds, desk.confirm_number_above) == (3, 12, 7)
    origins = {key: origin for key, _value, origin in settings.origins()}
    assert origins["desk.undo_seconds"] == "flag"
    assert origins["desk.claim_seconds"] == "environment"
    assert origins["desk.confirm_number_above"] == str(file)
    assert origins["core.language"] == "default"


def test_socket_has_its_short_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, '[core]\nsocket = "a"\n')
    monkeypatch.setenv("KEYDESK_SOCKET", "b")
    assert load(file=file).core.socket == "b"


def test_settings_variable_chooses_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYDESK_SETTINGS", str(write(tmp_path, "[desk]\nundo_seconds = 9\n")))
    assert load().desk.undo_seconds == 9
    monkeypatch.setenv("KEYDESK_SETTINGS", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsError, match=r"no such file \(given by KEYDESK_SETTINGS\)"):
        load()


def test_an_installed_package_looks_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "site-packages"
    (root / "console" / "_data").mkdir(parents=True)
    shipped = write(root / "console" / "_data", "")
    monkeypatch.setattr(settings_files, "package_root", lambda: root)
    write(tmp_path, "")  # a settings.toml in some folder is not a checkout of the running package
    monkeypatch.chdir(tmp_path)
    assert load().file == shipped
    (tmp_path / "config" / "keydesk").mkdir(parents=True)
    own = write(tmp_path / "config" / "keydesk", "")
    assert load().file == own


@pytest.mark.parametrize(
    ("text", "line", "key", "hint"),
    [
        ("[core]\nlanguage = 'en'\nsockets = 'x'\n", 3, "core.sockets", "did you mean 'socket'?"),
        ("[dekk]\nundo_seconds = 1\n", 1, "dekk", "did you mean 'desk'?"),
        ("[desk]\n\nundo_seconds = 'soon'\n", 3, "desk.undo_seconds", "valid integer"),
        ("[core]\nattempts_max = 0\n", 2, "core.attempts_max", "greater than or equal to 1"),
        ("[roles]\nbob = 'boss'\n", 2, "roles.bob", "'supervisor'"),
        ("[shops.a]\nurl = 'x'\n", 1, "shops.a", "lacks platform"),
        ("[shops.a]\nplatform = 't'\nlist = [1]\n", 1, "shops.a", "option list must be"),
    ],
)
def test_a_mistake_names_line_key_and_remedy(tmp_path: Path, text: str, line: int, key: str, hint: str) -> None:
    file = write(tmp_path, text)
    message = refusal(file)
    assert message.startswith(f"{file}:{line}: {key}: ")
    assert hint in message


def test_broken_toml_names_the_line_and_repeats_nothing(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, f"[core]\nx = {CANARY}\n"))
    assert "not valid TOML (line 2" in message
    assert "not UTF-8" in refusal_of_bytes(tmp_path, b"[core]\n# \xff\n")


def refusal_of_bytes(folder: Path, data: bytes) -> str:
    (folder / "settings.toml").write_bytes(data)
    return refusal(folder / "settings.toml")


def test_a_wrong_variable_or_flag_says_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "")
    assert refusal(file, **{"desk.undo": 1}).startswith(
        "flag: desk.undo: no such setting, did you mean 'undo_seconds'?"
    )
    monkeypatch.setenv("KEYDESK_CORE__FRESH", CANARY)
    assert refusal(file).startswith("environment: core.fresh: no such setting, did you mean 'fresh_seconds'?")


SHOP = '[shops.tb]\nplatform = "taobao"\napp_key = "123"\npoll_seconds = 1.5\nsecret = "file:tb.secret"\n'


def test_secrets_come_by_reference_and_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, CANARY + "\n", "tb.secret")
    monkeypatch.setenv("TB_SESSION", CANARY + "2")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    write(credentials, CANARY + "3", "hook")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    text = SHOP + 'session = "env:TB_SESSION"\nwebhook_secret = "credential:hook"\n'
    settings = load(file=write(tmp_path, text))
    shop = settings.shops["tb"]
    assert shop.kind == "taobao"
    assert shop.options == {"app_key": "123", "poll_seconds": "1.5"}
    assert shop.plain()["secret"] == CANARY
    assert shop.plain()["session"] == CANARY + "2"
    assert shop.plain()["webhook_secret"] == CANARY + "3"
    shown = repr(settings) + str(settings) + repr(shop) + str(settings.origins()) + settings.model_dump_json()
    assert CANARY not in shown
    assert ("shops.tb.secret", "***", str(settings.file)) in settings.origins()
    assert settings.warnings == ()


def test_a_secret_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    write(tmp_path, CANARY, "tb.secret", mode=0o644)
    (warning,) = load(file=write(tmp_path, SHOP)).warnings
    assert "shops.tb.secret" in warning
    assert "chmod 600" in warning
    assert CANARY not in warning


@pytest.mark.parametrize(
    "key", ["secret", "session", "access_token", "api_key", "password", "webhook_secret", "key", "refresh-token"]
)
def test_a_plain_secret_in_the_file_is_refused(tmp_path: Path, key: str) -> None:
    message = refusal(write(tmp_path, f'[shops.tb]\nplatform = "x"\n{key} = "{CANARY}"\n'))
    assert f"shops.tb.{key}: a secret does not stand in the file" in message


def test_the_environment_may_carry_a_secret_but_it_stays_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "x", "tb.secret")
    monkeypatch.setenv("KEYDESK_SHOPS__TB__SECRET", CANARY)
    settings = load(file=write(tmp_path, SHOP))
    assert settings.shops["tb"].plain()["secret"] == CANARY
    assert CANARY not in repr(settings) + str(settings.origins())


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("file:gone", "No such file"),
        ("file:", "names nothing"),
        ("env:KEYDESK_TEST_UNSET", "is not set"),
        ("credential:x", "no such systemd credential"),
        ("file:.", "directory"),
        ("file:empty", "empty"),
    ],
)
def test_a_dead_reference_names_the_key(tmp_path: Path, reference: str, why: str) -> None:
    write(tmp_path, " \n", "empty")
    message = refusal(write(tmp_path, f'[channels.m]\nkind = "email"\npassword = "{reference}"\n'))
    assert "channels.m.password" in message
    assert why in message


def test_a_system_core_refuses_settings_that_others_can_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    file = write(tmp_path, "[core]\nsystem = true\n", mode=0o640)
    assert load(file=file).core.system
    file.chmod(0o660)
    assert "can be written by others; run: chmod go-w" in refusal(file)
    file.chmod(0o640)
    tmp_path.chmod(0o777)
    assert "can be written by others" in refusal(file)


def test_roles(tmp_path: Path) -> None:
    private = load(file=write(tmp_path, "[roles]\nann = 'supervisor'\nme = 'operator'\n"))
    assert private.role_of("ann") == "supervisor"
    assert private.role_of("who") == "viewer"
    assert private.role_of("own", owner=True) == "admin"
    assert private.role_of("me", owner=True) == "operator"
    tmp_path.chmod(0o700)
    system = load(file=write(tmp_path, "[core]\nsystem = true\n"))
    assert system.role_of("own", owner=True) == "viewer"
    assert sorted(RANK, key=RANK.__getitem__) == ["viewer", "operator", "supervisor", "admin"]


def test_settings_cannot_be_changed_or_built_around_the_loader(tmp_path: Path) -> None:
    settings = load(file=write(tmp_path, ""))
    with pytest.raises(ValueError, match="frozen"):
        settings.core = None  # type: ignore[assignment]
    with pytest.raises(ValueError, match="frozen"):
        settings.desk.undo_seconds = 1
    with pytest.raises(ValueError, match="extra"):
        Settings(unknown=1)  # type: ignore[call-arg]
