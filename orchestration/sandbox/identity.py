"""Made-up company names, tickers and identifiers with valid check digits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SECTORS = (
    "Communication", "Consumer Discretionary", "Consumer Staples", "Energy", "Financials", "Health Care",
    "Industrials", "Information Technology", "Materials", "Real Estate", "Utilities",
)  # fmt: skip
SECTOR_SHARES = (0.04, 0.11, 0.04, 0.05, 0.17, 0.18, 0.15, 0.11, 0.05, 0.07, 0.03)
TRADES = (
    ("MEDIA", "NETWORKS", "BROADCASTING", "TELECOM"),
    ("BRANDS", "MOTORS", "RESTAURANTS", "APPAREL", "HOMEBUILDERS"),
    ("FOODS", "BEVERAGE", "GROCERS", "HOUSEHOLD PRODUCTS"),
    ("PETROLEUM", "ENERGY SERVICES", "OFFSHORE", "MIDSTREAM"),
    ("BANCORP", "FINANCIAL", "INSURANCE GROUP", "BANCSHARES", "CAPITAL"),
    ("THERAPEUTICS", "BIOSCIENCES", "PHARMACEUTICALS", "MEDICAL", "DIAGNOSTICS", "ONCOLOGY"),
    ("INDUSTRIES", "AEROSPACE", "LOGISTICS", "MACHINERY", "TECHNICAL SERVICES"),
    ("SOFTWARE", "SEMICONDUCTOR", "SYSTEMS", "DIGITAL", "PHOTONICS"),
    ("CHEMICAL", "METALS", "MATERIALS", "PACKAGING"),
    ("REALTY TRUST", "PROPERTIES REIT", "LODGING TRUST", "STORAGE REIT"),
    ("WATER", "POWER", "GAS UTILITIES", "RENEWABLES"),
)
FORMS = ("INC", "CORP", "HOLDINGS INC", "GROUP INC", "CO", "LTD", "INC CLASS A")
EXCHANGES = ("NASDAQ", "New York Stock Exchange Inc.", "Nyse Mkt Llc")
NO_MARKET = "NO MARKET (E.G. UNLISTED)"
_STARTS = (
    "ZEL", "QUIN", "VOR", "TAL", "BREN", "KAR", "MOL", "DRAV", "FEN", "GAL", "HEX", "ILVA", "JUN", "KEST", "LOR",
    "MIR", "NOV", "ORB", "PEL", "RAV", "SAL", "TOR", "ULM", "VEX", "WEX", "XAN", "YAR", "ZOR", "ALB", "BEX", "CAL",
    "DEV", "EMB", "FAR", "GRIM", "HAL", "IST", "JOR", "KRON", "LUM",
)  # fmt: skip
_MIDDLES = ("A", "O", "I", "E", "U", "AN", "IR", "EL", "OR", "IN", "AX", "EN", "UL", "ON")
_ENDS = (
    "VANT", "THRA", "MARK", "DYNE", "LOCK", "FORD", "WICK", "STEAD", "QUEST", "TRON", "VIA", "GATE", "MONT", "CREST",
    "LINE", "HAVEN", "SPAN", "POINT", "RIDGE", "LEX", "NOR", "TECH", "BURN", "WELL", "STONE", "FIELD", "PORT", "ZYME",
    "BRIDGE", "WAY",
)  # fmt: skip
_CODE = "0123456789BCDFGHJKLMNPQRSTVWXYZ"  # vowels are left out of SEDOLs, and I and O of CUSIPs
_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYZ"  # no W at an end: a fifth letter W is a warrant


@dataclass(frozen=True)
class Identity:
    """What the fund's file says about one security while nothing of it changes."""

    ticker: str
    name: str
    cusip: str
    isin: str
    sedol: str


def cusip_of(issuer: int, issue: int) -> str:
    """A CUSIP in the range that is kept free for private use (990-999)."""
    code, number = "", issuer * 7919 % len(_CODE) ** 4
    for _ in range(4):
        number, digit = divmod(number, len(_CODE))
        code = _CODE[digit] + code
    body = f"99{code}{issue:02d}"
    total = 0
    for n, letter in enumerate(body):
        value = _number(letter) * (2 if n % 2 else 1)
        total += value // 10 + value % 10
    return body + str(-total % 10)


def isin_of(cusip: str) -> str:
    """The US ISIN around a CUSIP."""
    body = f"US{cusip}"
    digits = "".join(str(_number(letter)) for letter in body)
    total = 0
    for n, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if n % 2 == 0 else 1)
        total += value // 10 + value % 10
    return body + str(-total % 10)


def sedol_of(issuer: int, issue: int) -> str:
    """A SEDOL whose first digit 9 marks a private code."""
    code, number = "", (issuer * 104_729 + issue * 31) % len(_CODE) ** 5
    for _ in range(5):
        number, digit = divmod(number, len(_CODE))
        code = _CODE[digit] + code
    body = f"9{code}"
    total = sum(_number(letter) * weight for letter, weight in zip(body, (1, 3, 1, 7, 3, 9), strict=True))
    return body + str(-total % 10)


def _number(letter: str) -> int:
    return int(letter) if letter.isdigit() else ord(letter) - 55


class Registry:
    """Names and tickers in use, so that none is given twice by accident."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._tickers: set[str] = set()

    def reserve(self, ticker: str) -> str:
        """Keep a ticker for one company."""
        self._tickers.add(ticker)
        return ticker

    def new_name(self, draws: np.random.Generator, sector: int, form: str | None = None) -> str:
        """A name nobody had before."""
        while True:
            first = str(draws.choice(_STARTS)) + (str(draws.choice(_MIDDLES)) if draws.random() < 0.7 else "")
            stem = first + str(draws.choice(_ENDS))
            if stem not in self._names:
                self._names.add(stem)
                trade = TRADES[sector][int(draws.integers(len(TRADES[sector])))]
                return f"{stem} {trade} {form or FORMS[int(draws.integers(len(FORMS)))]}"[:35].strip()

    def new_ticker(self, draws: np.random.Generator, name: str) -> str:
        """Four letters that resemble the name."""
        while True:
            rest = "".join(_LETTERS[n] for n in draws.integers(len(_LETTERS), size=2).tolist())
            ticker = name[0] + name[1 + int(draws.integers(2))] + rest
            if ticker not in self._tickers:
                self._tickers.add(ticker)
                return ticker


def identity(issuer: int, issue: int, ticker: str, name: str) -> Identity:
    """All identifiers of one issue."""
    cusip = cusip_of(issuer, issue)
    return Identity(ticker, name, cusip, isin_of(cusip), sedol_of(issuer, issue))


def reissued(old: Identity, issuer: int, issue: int) -> Identity:
    """The same share under a new CUSIP, as after a reverse split."""
    return replace(identity(issuer, issue, old.ticker, old.name))
