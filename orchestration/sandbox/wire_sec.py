"""SEC EDGAR: the Atom feed of a series, and the portfolio reports themselves (Form N-PORT)."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from xml.sax.saxutils import escape

from orchestration.sandbox.filings import Book, Filing, Month, book, filers, filings, fund_of, months, will_be_amended
from orchestration.sandbox.fund_shares import fund_days
from orchestration.sandbox.holdings import Line, index_funds
from orchestration.sandbox.http import Request, Response, page
from orchestration.sandbox.identity import Identity
from orchestration.sandbox.instruments import instruments
from orchestration.sandbox.streams import share_of
from orchestration.sandbox.timeline import Clock, timeline

FEED = "/cgi-bin/browse-edgar"
DOCUMENT = re.compile(r"/Archives/edgar/data/(\d+)/(\d{18})/primary_doc\.xml")
FORM_NAME = "Monthly Portfolio Investments Report on Form N-PORT (Public)"
NAMESPACE = "http://www.sec.gov/edgar/nport"
SHARE_CLASS = re.compile(r" (CLASS|SERIES) [A-Z]\b")
RIGHT = re.compile(r"\b(CVR|ESCROW|VESTING)\b")
# a fund has lent out this part of its net assets, for cash that it holds in a fund of its sponsor
COLLATERAL = {"R2000": 0.13, "R1000": 0.015, "R3000": 0.02, "RMICRO": 0.12, "SP500": 0.005}
# part of the shares is lent out, by a character of their CUSIP
LENT_UNTIL = "8"
# foreign shares have no CUSIP in a report: zeros to the end of 2022, N/A since
FOREIGN = 0.04
ZEROS_UNTIL = 2022


def answer(request: Request, clock: Clock, seed: int) -> Response | None:
    """Answer a request to the SEC; None where the path is not its."""
    if request.path == FEED:
        return _feed(request, clock, seed)
    found = DOCUMENT.fullmatch(request.path)
    if found is None:
        return page(404, "SEC.gov | File Not Found") if request.path.startswith("/Archives/") else None
    filing = _by_accession(seed, clock.today).get((found.group(1), found.group(2)))
    if filing is None or filing.shown_from > clock.now:
        return page(404, "SEC.gov | File Not Found")
    return Response(200, _document(seed, filing).encode(), "application/xml")


@cache
def _by_accession(seed: int, today: dt.date) -> dict[tuple[str, str], Filing]:
    """Every filing up to a date, by registrant and accession number without dashes."""
    found = (filing for fund in filers() for filing in filings(seed, fund, today))
    return {(item.cik, item.accession.replace("-", "")): item for item in found}


def _feed(request: Request, clock: Clock, seed: int) -> Response:
    fund = fund_of(request.query.get("CIK", ""))
    if fund is None or request.query.get("output") != "atom":
        return page(200, "No matching CIK.")
    start, count = int(request.query.get("start", 0)), int(request.query.get("count", 40))
    shown = [item for item in filings(seed, fund, clock.today) if item.shown_from <= clock.now]
    entries = "".join(map(_entry, shown[start : start + count]))
    body = (
        '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<company-info><conformed-name>SYNTHETIC {escape(fund)}</conformed-name></company-info>\n{entries}</feed>\n"
    )
    return Response(200, body.encode("iso-8859-1"), "application/atom+xml")


def _entry(item: Filing) -> str:
    folder = f"https://www.sec.gov/Archives/edgar/data/{item.cik}/{item.accession.replace('-', '')}"
    href = f"{folder}/{item.accession}-index.htm"
    return (
        f'<entry><category label="form type" scheme="https://www.sec.gov/" term="{item.form}" />'
        f'<content type="text/xml"><accession-number>{item.accession}</accession-number>'
        f"<filing-date>{item.filed}</filing-date><filing-href>{href}</filing-href>"
        f"<filing-type>{item.form}</filing-type><form-name>{FORM_NAME}</form-name></content>"
        f"<id>urn:tag:sec.gov,2008:accession-number={item.accession}</id>"
        f'<link href="{href}" rel="alternate" type="text/html" />'
        f"<title>{item.form}  - {FORM_NAME}</title><updated>{item.accepted.isoformat()}</updated></entry>\n"
    )


def _document(seed: int, item: Filing) -> str:
    held = book(seed, item.fund, item.period) if item.fund in index_funds() else None
    if held is None:
        place = timeline().upto(item.period) - 1 - timeline().first
        net, share, lines = float(fund_days(seed, item.fund).aum[place]), 0.0, _vehicle("Treasury", 0.01, 1.0)
    else:
        net, share = held.net_assets, COLLATERAL[index_funds()[item.fund]]
        lines = _lines(item, held) + _vehicle("Institutional", net * share, net)
    gained = months(seed, item.fund, item.period)
    # what the amendment puts right: the first report counted half of what was sold as redeemed again the same month
    wrong = 0.5 if will_be_amended(seed, item.fund, item.period) and not item.form.endswith("/A") else 0.0
    flows = "".join(_flow(number, month, wrong if number == 1 else 0.0) for number, month in enumerate(gained, 1))
    returns = " ".join(f'rtn{number}="{month.total_return_pct:.8f}"' for number, month in enumerate(gained, 1))
    series = f"<seriesId>{item.series_id}</seriesId>" if item.series_id else ""
    year = item.period.year + (item.period.month > 3)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><edgarSubmission xmlns="{NAMESPACE}">\n'
        f"<headerData><submissionType>{item.form}</submissionType></headerData>\n<formData><genInfo>"
        f"<regName>SYNTHETIC</regName><regCik>{item.cik:0>10}</regCik>"
        f"<seriesName>{escape(instruments()[item.fund].name)}</seriesName>{series}"
        f"<repPdEnd>{year}-03-31</repPdEnd><repPdDate>{item.period}</repPdDate>"
        "<isFinalFiling>N</isFinalFiling></genInfo>\n<fundInfo>"
        f"<totAssets>{net * (1 + share):.8f}</totAssets><totLiabs>{net * share:.8f}</totLiabs>"
        f"<netAssets>{net:.8f}</netAssets><cshNotRptdInCorD>{net * 0.0008:.8f}</cshNotRptdInCorD>"
        f'<returnInfo><monthlyTotReturns><monthlyTotReturn classId="{item.class_id}" {returns}/></monthlyTotReturns>'
        f"</returnInfo>{flows}</fundInfo>\n<invstOrSecs>\n{lines}</invstOrSecs></formData></edgarSubmission>\n"
    )


def _flow(number: int, month: Month, twice: float) -> str:
    sales, redemptions = month.sales * (1 + twice), month.redemptions + month.sales * twice
    return f'<mon{number}Flow redemption="{redemptions:.8f}" reinvestment="0.00000000" sales="{sales:.8f}"/>'


@cache
def _name(item: Identity, zeros: bool) -> str:
    """The beginning of a line: spelled out in mixed case, the class in the title only, and no ticker."""
    name, cusip = item.name, item.cusip
    title = name.title()
    if share_of(f"style/{cusip}") < 0.5:
        title = re.sub(r" (Inc|Corp|Ltd|Co)$", r", \1.", title)
    issuer = SHARE_CLASS.sub("", name).title() if SHARE_CLASS.search(name) else title
    shown = ("000000000" if zeros else "N/A") if share_of(f"foreign/{cusip}") < FOREIGN else cusip
    return (
        f"<invstOrSec><name>{escape(issuer)}</name><lei>N/A</lei><title>{escape(title)}</title><cusip>{shown}</cusip>"
        f'<identifiers><isin value="{item.isin}"/></identifiers>'
    )


def _lines(item: Filing, held: Book) -> str:
    zeros = item.period.year <= ZEROS_UNTIL
    out = []
    factor = 100 / held.net_assets
    columns = zip(held.identities, held.shares.tolist(), held.market_value.tolist(), strict=True)
    for share, shares, value in columns:
        lent = share.cusip[5] < LENT_UNTIL
        loan = (
            f'<loanByFundCondition isLoanByFund="Y" loanVal="{value * 0.4:.2f}"/>'
            if lent
            else "<isLoanByFund>N</isLoanByFund>"
        )
        out.append(
            f"{_name(share, zeros)}<balance>{shares:.8f}</balance><units>NS</units><curCd>USD</curCd>"
            f"<valUSD>{value:.8f}</valUSD><pctVal>{value * factor:.12f}</pctVal><payoffProfile>Long</payoffProfile>"
            "<assetCat>EC</assetCat><issuerCat>CORP</issuerCat><invCountry>US</invCountry>"
            "<isRestrictedSec>N</isRestrictedSec><fairValLevel>1</fairValLevel>"
            f"<securityLending>{loan}</securityLending></invstOrSec>\n"
        )
    out += [_other(line, held.net_assets) for line in held.others]
    return "".join(out)


def _other(line: Line, net: float) -> str:
    """Rights, warrants and private lines, futures and the cash fund; cash itself is no line of a report."""
    if line.asset_class == "Money Market":
        return _vehicle("Treasury", max(line.market_value, 0.0), net)
    if line.asset_class == "Futures":
        asset = "<assetCat>DE</assetCat>"
        derivative = (
            '<derivativeInfo><futrDeriv derivCat="FUT"><payOffProf>Long</payOffProf>'
            f"<notionalAmt>{line.notional:.8f}</notionalAmt></futrDeriv></derivativeInfo>"
        )
        name, units, value = "N/A", "NC", round(line.notional * 0.004, 2)
    elif line.asset_class == "Equity":
        name, units, value, derivative = line.name.title(), "NS", line.market_value, ""
        asset = "<assetCat>EC</assetCat>"
        if RIGHT.search(line.name):
            asset = '<assetConditional assetCat="OTHER" desc="Right"/>'
        elif "WARRANT" in line.name:
            asset, derivative = (
                "<assetCat>DE</assetCat>",
                '<derivativeInfo><optionSwaptionWarrantDeriv derivCat="WAR"/></derivativeInfo>',
            )
    else:
        return ""
    return (
        f"<invstOrSec><name>{escape(name)}</name><lei>N/A</lei><title>{escape(line.name.title())}</title>"
        f"<cusip>N/A</cusip><balance>{line.shares:.8f}</balance><units>{units}</units><curCd>USD</curCd>"
        f"<valUSD>{value:.8f}</valUSD><pctVal>{100 * value / net:.12f}</pctVal><payoffProfile>Long</payoffProfile>"
        f"{asset}<issuerCat>CORP</issuerCat><invCountry>US</invCountry><isRestrictedSec>N</isRestrictedSec>"
        f"<fairValLevel>3</fairValLevel>{derivative}</invstOrSec>\n"
    )


def _vehicle(kind: str, value: float, net: float) -> str:
    """A line of a cash fund of the sponsor: the sweep, or what borrowers of shares left as collateral."""
    title = f"Synthetic Cash Funds: {kind}, SL Agency Shares"
    return (
        f"<invstOrSec><name>Synthetic Funds III</name><lei>N/A</lei><title>{title}</title><cusip>N/A</cusip>"
        f"<balance>{value:.8f}</balance><units>NS</units><curCd>USD</curCd><valUSD>{value:.8f}</valUSD>"
        f"<pctVal>{100 * value / net:.12f}</pctVal><payoffProfile>Long</payoffProfile><assetCat>STIV</assetCat>"
        "<issuerCat>RF</issuerCat><invCountry>US</invCountry><isRestrictedSec>N</isRestrictedSec>"
        "<fairValLevel>1</fairValLevel></invstOrSec>\n"
    )
