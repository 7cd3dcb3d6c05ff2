"""SEC: the fails-to-deliver file of the second half of each quarter's last month, the only ones the sandbox has."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile

from orchestration.calendars import NEW_YORK, month_end, sessions_between
from orchestration.sandbox.filings import FIRST_REPORT, book
from orchestration.sandbox.holdings import index_funds
from orchestration.sandbox.http import Request, Response, page
from orchestration.sandbox.streams import share_of
from orchestration.sandbox.timeline import Clock

FILE = re.compile(r"/files/data/fails-deliver-data/cnsfails(\d{4})(\d{2})([ab])\.zip")
HEADER = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE"
# the part of all shares that some broker fails to deliver in half a month
FAILING = 0.93
MOST_DAYS = 4
# the file is shown so many days after the half month
SHOWN_AFTER = dt.timedelta(days=15)
NAME_LENGTH = 30
# what else is in a file: a share that is in no index, a name with a bar in it, a line without symbol
OTHERS = (
    ("990000109", "ZVZZT", "SYNTHETIC TEST STOCK"),
    ("990000208", "ZWZZT", "SYNTHETIC TEST|STOCK"),
    ("990000307", "", ""),
)


def answer(request: Request, clock: Clock, seed: int) -> Response | None:
    """Answer a request for a file of fails; None where the path is none."""
    found = FILE.fullmatch(request.path)
    if found is None:
        return page(404, "SEC.gov | File Not Found") if request.path.startswith("/files/data/") else None
    year, month, half = int(found[1]), int(found[2]), found[3]
    end = month_end(dt.date(year, month, 1)) if 1 <= month <= 12 else dt.date.max
    shown_from = dt.datetime.combine(min(end, clock.today) + SHOWN_AFTER, dt.time(9), tzinfo=NEW_YORK)
    if half != "b" or month % 3 or not FIRST_REPORT <= end <= clock.today or shown_from > clock.now:
        return page(404, "SEC.gov | File Not Found")
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        # always the same bytes
        member = zipfile.ZipInfo(f"cnsfails{end:%Y%m}b.txt", (1980, 1, 1, 0, 0, 0))
        archive.writestr(member, _text(seed, end).encode("iso-8859-1"), zipfile.ZIP_DEFLATED)
    return Response(200, body.getvalue(), "application/zip")


def _text(seed: int, end: dt.date) -> str:
    days = sessions_between(end.replace(day=16), end)
    held = {share.cusip: share for fund in index_funds() for share in book(seed, fund, end).identities}
    shares = [(share.cusip, share.ticker, share.name) for share in held.values()] + list(OTHERS)
    lines = sorted(line for share in shares for line in _lines(seed, days, *share))
    quantity = sum(int(line.split("|")[3]) for line in lines)
    tail = [f"Trailer record count {len(lines)}", f"Trailer total quantity of shares {quantity}"]
    return "\r\n".join([HEADER, *lines, *tail, ""])


def _lines(seed: int, days: list[dt.date], cusip: str, symbol: str, name: str) -> list[str]:
    text = f"fails/{seed}/{days[-1]}/{cusip}"
    luck = share_of(text)
    if luck >= FAILING:
        return []
    count = 1 + int(luck / FAILING * MOST_DAYS)
    out = []
    for number in range(count):
        chance = share_of(f"{text}/{number}")
        day = days[int(chance * len(days))]
        # the closing price of the day before is not always known
        price = "." if chance < 0.02 else f"{5 + 90 * chance:.2f}"
        out.append(f"{day:%Y%m%d}|{cusip}|{symbol}|{1 + int(chance * 90_000)}|{name[:NAME_LENGTH]}|{price}")
    return out
