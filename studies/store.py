"""Where a team's store is: which URLs are taken, which driver they need, and how one is shown to people."""

import importlib.util
import os
import re
from urllib.parse import quote, unquote

from core.errors import InputError
from sweeps.nodes import shorten

MASK = "***"
PASSWORD = re.compile(r"(://[^:/@?\s]*):([^\s]*)@")
SECRET = re.compile(r"([?&](?:password|passwd|pwd|sslpassword)=)([^&\s]+)", re.IGNORECASE)
DRIVERS = {
    "postgresql": {"psycopg": "psycopg", "psycopg2": "psycopg2"},
    "mysql": {"pymysql": "pymysql", "mysqldb": "MySQLdb"},
    "mariadb": {"pymysql": "pymysql", "mysqldb": "MySQLdb"},
    "sqlite": {"": ""},
}
"""Kind of database -> driver in its URL -> module, the first one found serving a URL that names none."""
HINT = "--storage postgresql://USER@HOST/DATABASE, mysql://..., sqlite:///FILE.db or FILE.journal"


def readable(text: str) -> str:
    """Return a text that people see, with the password of any URL in it masked."""
    return SECRET.sub(rf"\1{MASK}", PASSWORD.sub(rf"\1:{MASK}@", text))


def hide(text: str, url: str) -> str:
    """Return what a driver said, without the URL's password however it is written."""
    found = [match[2] for pattern in (PASSWORD, SECRET) for match in pattern.finditer(url)]
    forms = {form for item in found for form in (item, unquote(item), quote(item, safe="")) if form != MASK}
    for secret in sorted(forms, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return readable(text)


def check_store(url: str) -> None:
    """Raise InputError unless the URL is one that can be written to with what is installed; connects to nothing.

    Args:
        url: `postgresql://...`, `mysql://...`, `sqlite:///...`, each with `+driver` where one is wanted, or the
            path of an Optuna journal file.
    """
    if "://" not in url:
        folder = os.path.dirname(os.path.abspath(url))
        if not url or os.path.isdir(url) or not os.path.isdir(folder):
            raise InputError(f"--storage: `{shorten(url, 200)}` is no URL, and no file can be there", HINT)
        return
    if any(MASK in (match[2], unquote(match[2])) for match in (*PASSWORD.finditer(url), *SECRET.finditer(url))):
        raise InputError(
            f"--storage: the password of {readable(url)} is masked",
            "type it, or leave it out and let PGPASSWORD or ~/.pgpass give it",
        )
    kind, driver = parts(url)
    if kind not in DRIVERS or (driver and driver not in DRIVERS[kind]):
        raise InputError(f"--storage: {shorten(readable(url), 200)} is no database that can be written to", HINT)
    if not find_driver(kind, driver):
        wanted = driver or next(iter(DRIVERS[kind]))
        extra = "'graphsweep[postgresql]'" if kind == "postgresql" and wanted == "psycopg" else wanted
        raise InputError(f"--storage {kind} needs the package {wanted}, which is not installed", f"pip install {extra}")
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        if make_url(url).host is not None and kind == "sqlite":
            raise ValueError("a file has no host")
    except (ArgumentError, ValueError) as error:
        raise InputError(f"--storage: {shorten(readable(url), 200)} cannot be read as a URL", HINT) from error


def parts(url: str) -> tuple[str, str]:
    """Return kind and driver of a URL; no driver is ""."""
    kind, _, driver = url.partition("://")[0].lower().partition("+")
    return ("postgresql" if kind == "postgres" else kind), driver


def find_driver(kind: str, driver: str) -> str | None:
    """Return the driver to use, the named one or the first that is installed; None for none."""
    for name, module in DRIVERS[kind].items():
        if driver in ("", name) and (not module or importlib.util.find_spec(module) is not None):
            return name or "pysqlite"
    return None


def with_driver(url: str) -> str:
    """Return a URL that names a driver which is installed: SQLAlchemy's own default depends on its version."""
    kind, driver = parts(url)
    return f"{kind}+{find_driver(kind, driver)}://{url.partition('://')[2]}"
