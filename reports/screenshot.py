"""Renew the README's picture: `python -m reports.screenshot RUN` photographs the top of a report.

Needs a Chromium on the PATH and the `test` extra (playwright drives it).
"""

import argparse
import shutil
import sys
from pathlib import Path

from core.errors import GraphsweepError, RunFolderError

PICTURE = Path(__file__).parent / "example.png"
WIDTH, HEIGHT = 900, 860


def photograph(page: Path, picture: Path) -> None:
    """Save what a reader first sees of a page.

    Args:
        page: the report.
        picture: PNG to write.

    Raises:
        RunFolderError: there is no page, or no Chromium.
    """
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser_path is None or not page.is_file():
        raise RunFolderError(f"{page}: no report there" if browser_path else "no Chromium on the PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.absolute().as_uri())
        tab.screenshot(path=picture)
        browser.close()


def main() -> int:
    """Photograph the report of the run named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m reports.screenshot", description=__doc__, allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a run")
    args = parser.parse_args()
    try:
        photograph(args.run / "report.html", PICTURE)
    except GraphsweepError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    print(PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
