"""Laws of the shared store: it has every finished trial once, is never waited for, and no password is shown."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from cluster_processes import free_port, listening, until
from commands import ALL_STATES, SMALL, only, results, run, sweep

from core.errors import InputError
from studies.arguments import print_error
from studies.lambda_sweep import same_command
from studies.mirror import NAME_FILE, close_store, open_store
from studies.store import check_store, hide, readable

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "hemlig/§1"
ESCAPED = "hemlig%2F%C2%A71"


def stored(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """The trials of every study in a store, as `commands.journal` gives those of the run's own."""
    storage = open_store(url)
    found = {}
    for name in optuna.get_all_study_names(storage):
        trials = optuna.load_study(study_name=name, storage=storage).trials
        found[name] = [(trial.number, trial.state.name, trial.params, trial.value) for trial in trials]
    close_store(storage)
    return found


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("url", ["team.journal", "sqlite:///team.db"])
def test_a_store_has_every_trial_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A run, the same continued, extended and finished again: each of its trials is there once; other runs apart."""
    for count in ("4", "10", "10"):
        assert sweep(*ALL_STATES, "-n", count, "--storage", url) == 0
        ((name, trials),) = stored(url).items()
        assert name == (only() / NAME_FILE).read_text().strip()
        assert name.startswith(only().name)
        assert trials == results(only())["journal"]
        assert f"store      {count} trials in {url}, study {name}" in capsys.readouterr().err
    assert sweep(*SMALL, "-q", "--fresh", "--storage", url) == 0
    assert sweep(*SMALL, "-q", "-o", "elsewhere", "--storage", url) == 0
    assert sorted(len(trials) for trials in stored(url).values()) == [10, 10, 10]


@pytest.mark.usefixtures("no_report")
def test_a_store_that_begins_late_gets_what_was_before(capsys: pytest.CaptureFixture[str]) -> None:
    """A finished run given again with a store writes all its trials; the run's records stay as they are."""
    assert sweep(*SMALL, "-q") == 0
    before = results(only())
    assert sweep(*SMALL, "--storage", "team.journal") == 0
    assert "finished: 10 of 10 done" in capsys.readouterr().err
    assert results(only()) == before
    assert list(stored("team.journal").values()) == [before["journal"]]


@pytest.mark.usefixtures("no_report")
def test_a_store_that_cannot_be_written_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no journal: the sweep ends as ever, and says what is missing and what to type."""
    Path("team.journal").write_text("hello\n")
    words = [*SMALL, "--storage", "team.journal"]
    monkeypatch.setattr("sys.argv", ["lambda_sweep", *words])
    assert sweep(*words) == 0
    err = capsys.readouterr().err
    assert "warning: 10 of 10 trials are not in the store team.journal: " in err
    assert "hint: once it answers, this writes them and trains nothing again: python -m studies.lambda_sweep" in err
    Path("team.journal").unlink()
    assert sweep(*SMALL, "-q", "--storage", "team.journal") == 0
    assert list(stored("team.journal").values()) == [results(only())["journal"]]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "--storage: `` is no URL, and no file can be there"),
        ("none/team.journal", "--storage: `none/team.journal` is no URL, and no file can be there"),
        (".", "--storage: `.` is no URL, and no file can be there"),
        ("redis://a:b@host", "--storage: redis://a:***@host is no database that can be written to"),
        ("postgresql+asyncpg://a:b@host/x", "--storage: postgresql+asyncpg://a:***@host/x is no database that"),
        ("sqlite://a/b", "--storage: sqlite://a/b cannot be read as a URL"),
        ("sqlite://a:b@c:d/e", "--storage: sqlite://a:***@c:d/e cannot be read as a URL"),
        ("postgresql://a:***@host/x", "--storage: the password of postgresql://a:***@host/x is masked"),
    ],
)
def test_wrong_urls(capsys: pytest.CaptureFixture[str], url: str, text: str) -> None:
    """What cannot be a store is refused before anything is trained, in one line without its password."""
    assert sweep(*SMALL, "--storage", url) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {text}")
    assert "hint: " in err
    assert ":b@" not in err
    assert not Path("runs").exists()


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to type."""
    monkeypatch.setattr("studies.store.importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match="--storage postgresql needs the package psycopg") as caught:
        check_store("postgresql://host/x")
    assert caught.value.hint == "pip install 'graphsweep[postgresql]'"


def test_passwords_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a line is made of, the password of a URL in it is not: as written, and as it is meant."""
    urls = (
        f"postgresql://me:{ESCAPED}@host/x",
        f"postgresql://me:{PASSWORD}@host/x",
        f"mysql://h/x?password={ESCAPED}",
    )
    for url in urls:
        assert ESCAPED not in readable(url)
        assert PASSWORD not in readable(url)
        assert "***" in same_command(["-n", "5", "--storage", url])
        assert "hemlig" not in same_command([f"--storage={url}"])
        assert hide(f"no {PASSWORD} or {ESCAPED} for {url}", url).count("hemlig") == 0
        import sys

        print_error(InputError(f"unexpected word `{url}`", url), sys.stderr)
    assert "hemlig" not in capsys.readouterr().err
    for plain in ("tcp://host:8786", "sqlite:///x.db", "postgresql://me@host:5432/x", "a: b @ c"):
        assert readable(plain) == plain


class Postgres:
    """A PostgreSQL server of its own, run by an unprivileged user; `stop` and `start` it as you like."""

    def __init__(self, where: Path, user: str | None) -> None:
        self.where, self.user, self.port = where, user, free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (where / "secret").write_text(PASSWORD, encoding="utf-8")
        self.call(
            "initdb", "-D", str(where / "data"), "-U", "me", "--auth=scram-sha-256", "--pwfile", str(where / "secret"),
            "--no-sync", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        self.start()

    def call(self, program: str, *words: str) -> None:
        """Run one of the server's programs to its end."""
        command = [str(SERVERS[-1] / program), *words]
        subprocess.run(command, check=True, user=self.user, cwd=self.where, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Start the server and wait until it listens."""
        words = ("-D", str(self.where / "data"), "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.where), "-F")
        with open(self.where / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(SERVERS[-1] / "postgres"), *words], user=self.user, cwd=self.where, stdout=log, stderr=log
            )
        until(lambda: listening(self.port), "the database")

    def stop(self) -> None:
        """Stop the server, whoever is connected."""
        assert self.process is not None
        self.process.send_signal(2)
        self.process.wait(timeout=60)

    def url(self, port: int | None = None) -> str:
        """Where it is."""
        return f"postgresql://me:{ESCAPED}@127.0.0.1:{port or self.port}/postgres"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server, for all tests of this file."""
    pytest.importorskip("psycopg")
    if not SERVERS:
        pytest.skip("no PostgreSQL server below /usr/lib/postgresql")
    where = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(where, user)
    server = Postgres(where, user)
    yield server
    server.stop()
    shutil.rmtree(where, ignore_errors=True)


class Between:
    """A way to the server that can be shut, and slowed down: a number of seconds for each answer."""

    def __init__(self, port: int) -> None:
        self.target, self.seconds, self.open = port, 0.0, True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Take connections, and connect them to the server."""
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((near, far))
            threading.Thread(target=self.carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, True), daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        """Hand on what comes, answers late."""
        try:
            while data := source.recv(65536):
                time.sleep(self.seconds if answers else 0.0)
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    def shut(self) -> None:
        """Cut every connection, and take none."""
        self.open = False
        for pair in self.pairs:
            for end in pair:
                end.close()
        self.pairs.clear()


@pytest.mark.cluster
@pytest.mark.usefixtures("no_report")
def test_postgresql(postgres: Postgres, capfd: pytest.CaptureFixture[str]) -> None:
    """A run in a PostgreSQL database: every trial once, also when continued; its password is nowhere."""
    for count in ("4", "10"):
        assert sweep(*ALL_STATES, "-n", count, "--storage", postgres.url()) == 0
    name = (only() / NAME_FILE).read_text().strip()
    assert stored(postgres.url())[name] == results(only())["journal"]
    streams = capfd.readouterr()
    assert "store      10 trials in postgresql://me:***@127.0.0.1:" in streams.err
    told = [streams.out, streams.err]
    told += [file.read_bytes().decode(errors="replace") for file in only().rglob("*") if file.is_file()]
    assert not any(word in text for text in told for word in (PASSWORD, ESCAPED))


@pytest.mark.cluster
@pytest.mark.usefixtures("no_report")
def test_a_wrong_password(postgres: Postgres, capfd: pytest.CaptureFixture[str]) -> None:
    """A store that lets nobody in stops nothing; why is said without the password."""
    url = postgres.url().replace(ESCAPED, "fel%2Fhemlig")
    assert sweep(*SMALL, "--storage", url) == 0
    err = capfd.readouterr().err
    assert "warning: 10 of 10 trials are not in the store postgresql://me:***@127.0.0.1:" in err
    assert "password authentication failed" in err
    assert "hemlig" not in err


@pytest.mark.cluster
@pytest.mark.usefixtures("no_report")
def test_down_at_the_start(postgres: Postgres, capfd: pytest.CaptureFixture[str]) -> None:
    """A store that is down costs the sweep next to nothing, is reported, and caught up with by the same command."""
    words = (*SMALL, "--storage", postgres.url())
    postgres.stop()
    begin = time.monotonic()
    assert sweep(*words) == 0
    assert time.monotonic() - begin < 15
    err = capfd.readouterr().err
    assert err.count("warning: 10 of 10 trials are not in the store") == 1
    assert "Traceback" not in err
    postgres.start()
    before = results(only())
    assert sweep(*words) == 0
    assert results(only()) == before
    assert stored(postgres.url())[(only() / NAME_FILE).read_text().strip()] == before["journal"]


@pytest.mark.cluster
@pytest.mark.usefixtures("no_report")
def test_down_in_the_middle(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A store that goes while it is written to, and comes back before the end: it catches up by itself."""
    from studies.sweep import Sweep

    rounds, save = [0], Sweep.save

    def saved(self: Sweep) -> None:
        save(self)
        rounds[0] += 1
        if rounds[0] == 3:
            until(lambda: stored(postgres.url()), "the first trials")
            postgres.stop()
        if rounds[0] == 6:
            postgres.start()

    monkeypatch.setattr(Sweep, "save", saved)
    assert sweep(*ALL_STATES, "-n", "20", "--storage", postgres.url()) == 0
    err = capfd.readouterr().err
    assert "store      20 trials in postgresql://" in err, err
    assert stored(postgres.url())[(only() / NAME_FILE).read_text().strip()] == results(only())["journal"]


@pytest.mark.cluster
@pytest.mark.usefixtures("no_report")
def test_slow_and_then_cut_off(postgres: Postgres, capfd: pytest.CaptureFixture[str]) -> None:
    """A store that takes seconds for every answer delays the end by ten seconds and no more; nothing is there twice."""
    way = Between(postgres.port)
    way.seconds = 0.5
    begin = time.monotonic()
    assert sweep(*SMALL, "--storage", postgres.url(way.port)) == 0
    lasted = time.monotonic() - begin
    way.shut()
    assert lasted < 25, "the sweep waited for its store"
    err = capfd.readouterr().err
    assert "trials are not in the store postgresql://me:***@" in err
    assert sweep(*SMALL, "--storage", postgres.url()) == 0
    assert stored(postgres.url())[(only() / NAME_FILE).read_text().strip()] == results(only())["journal"]


@pytest.mark.cluster
def test_as_a_process(postgres: Postgres) -> None:
    """The command as people start it ends by itself with a store that is down, at once and without a traceback."""
    url = postgres.url(free_port())
    code, _, err = run(*SMALL, "--storage", url)
    assert (code, "Traceback" in err) == (0, False), err
    assert err.count("warning: 10 of 10 trials are not in the store") == 1
