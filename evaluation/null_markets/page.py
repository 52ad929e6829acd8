"""The certificate of an audit as one page for people."""

from __future__ import annotations

from typing import Any

from evaluation.labels import MISSING
from evaluation.reports.markup import Html, el, page, section, table

TITLE = "Null-market audit"


def audit_page(document: dict[str, Any]) -> bytes:
    """The page of a certificate."""
    badge = el("span", "SAMPLE DATA", class_="pill sample") if document["is_sample"] else None
    return page(
        TITLE,
        el(
            "header",
            el("div", el("h1", TITLE), badge, class_="top"),
            el("p", _verdict(document), class_="verdict"),
            el("p", SAMPLE) if badge else None,
        ),
        section("Homes without an edge", el("p", _how(document)), _worlds(document), _recipes(document)),
        section("Homes with an edge", el("p", POWER), _power(document)) if document["power"] else None,
        section("How it was made", _provenance(document)),
    )


POWER = (
    "Coin tosses that the market follows: of how many pairs of a symbol and a recipe is the edge proven at the end of "
    "the record? The Sharpe ratio is that of the returns beyond cash and of those beyond the exposure-matched hold, "
    "after costs. Pairs without an edge have been tried too, so that the adjustment counts them."
)

SAMPLE = "The sizes of moves are those of the sample market, which is made up: audit a home with bars of its own."


def _verdict(document: dict[str, Any]) -> str:
    worst = max(
        (row for row in document["null_markets"] if not _world(document, row["world"])["spells"]),
        key=lambda row: row["proven"]["count"],
        default=None,
    )
    if worst is None:
        return "No homes without an edge were simulated."
    proven = worst["proven"]
    return (
        f"At most {proven['count']} of {proven['among']} homes without an edge called a recipe proven on any of "
        f"{document['nights']} nights ({worst['world']}, {worst['costs']}); the true share lies between "
        f"{proven['low']:.1%} and {proven['high']:.1%} with a confidence of 95 %."
    )


def _how(document: dict[str, Any]) -> str:
    return (
        f"Each home has {document['symbols']} symbols with two recipes each and {document['years']} years of daily "
        "bars: sizes of moves of a market in blocks, each with a sign drawn independently, and a drift. Bull and bear "
        "spells can be followed, so that some of what is proven there is true."
    )


def _worlds(document: dict[str, Any]) -> Html:
    rows = [
        [row["world"], row["costs"], *map(_share, (row["proven"], row["proven_on_first_night"], row["refuted"]))]
        for row in document["null_markets"]
    ]
    return table(
        ["Drift, as a Sharpe ratio", "Costs", "Proven on any night", "Proven on the first", "Refuted on any night"],
        rows,
    )


def _recipes(document: dict[str, Any]) -> Html:
    names = sorted({name for row in document["null_markets"] for name in row["pairs_proven_by_recipe"]})
    rows = [
        [
            f"{row['world']}, {row['costs']}",
            *(_count(row["pairs_proven_by_recipe"].get(name)) for name in names),
        ]
        for row in document["null_markets"]
    ]
    return table(["", *names], rows, caption="Pairs of a symbol and a recipe that were proven on any night")


def _power(document: dict[str, Any]) -> Html:
    years = sorted({cell["years"] for cell in document["power"]})
    by_row: dict[tuple[int, int, float], dict[int, str]] = {}
    for cell in document["power"]:
        row = by_row.setdefault((cell["with_edge"], cell["pairs"], cell["sharpe"]), {})
        row[cell["years"]] = _share(cell["proven"])
    rows = [
        [f"Sharpe {sharpe:g}, {edge} of {pairs} with an edge", *(cells.get(year, MISSING) for year in years)]
        for (edge, pairs, sharpe), cells in by_row.items()
    ]
    return table(["", *(f"{year} years" for year in years)], rows)


def _provenance(document: dict[str, Any]) -> Html:
    facts = {
        "Code": " ".join(filter(None, [document["code"]["version"], document["code"]["commit"]])),
        "Settings": document["settings_fingerprint"],
        "Seed": str(document["seed"]),
        "Sizes of moves": ", ".join(
            f"{each['symbol']} from {each['source']} ({each['bars']} bars)" for each in document["sizes"]
        ),
        "Confidence": f"{document['confidence']:g}",
        "Homes in each world": str(document["homes"]),
    }
    return el("dl", *(el("div", el("dt", name), el("dd", el("code", value))) for name, value in facts.items()))


def _world(document: dict[str, Any], name: str) -> dict[str, Any]:
    world: dict[str, Any] = next(each for each in document["worlds"] if each["name"] == name)
    return world


def _share(share: dict[str, Any]) -> str:
    if not share["among"]:
        return MISSING
    return f"{share['count'] / share['among']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _count(share: dict[str, Any] | None) -> str:
    return MISSING if share is None else f"{share['count']} of {share['among']}"
