"""`asworn catalog`: look into a catalogue."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from matcher.catalog import vocabulary
from matcher.catalog.catalog import Catalog
from matcher.catalog.check import check as check_catalog
from matcher.catalog.duplicates import ALIKE, Alike, find_duplicates
from matcher.catalog.export import export_products, export_vectors
from matcher.catalog.filters import Filters
from matcher.catalog.gc import collect
from matcher.cli.output import out
from matcher.errors import CatalogError
from matcher.types import Product

app = typer.Typer(no_args_is_help=True, help="Look into a catalogue: info, check, search, export, gc.")

_SHOWN = 10
CatalogArgument = Annotated[Path, typer.Argument(metavar="CATALOG", help="The catalogue's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def info(catalog: CatalogArgument, as_json: JsonOption = False) -> None:
    """Say what is in a catalogue."""
    facts = Catalog.load(catalog).info()
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    table = Table(title=escape(str(catalog)), show_header=False)
    for name, value in facts.items():
        if not isinstance(value, dict):
            table.add_row(name, escape(str(value)))
    for name, count in facts["localised"].items():
        table.add_row(f"found by {name}" if name else "found elsewhere", f"{count} vectors")
    for name, counts in facts["types"].items():
        text = f"{counts['products']} products, {counts['vectors']} vectors, {counts['kind']}"
        if counts["kind"] != "flat":
            text += f", recall@10 {counts['recall']:.3f}, {counts['bytes_per_vector']:.0f} bytes a vector"
        table.add_row(f"  {name}", text)
    out.print(table)


@app.command()
def check(
    catalog: CatalogArgument,
    alike: Annotated[float, typer.Option(min=0.5, max=1, help="Similarity from which two products are one.")] = ALIKE,
    as_json: JsonOption = False,
) -> None:
    """Verify hashes, counts and vectors, that each product finds itself, and list products that look the same."""
    findings = check_catalog(catalog)
    groups = [] if findings.problems else find_duplicates(Catalog.load(catalog).snapshot(), alike)
    if as_json:
        facts = {"ok": not findings.problems, "problems": list(findings.problems), "vectors": findings.vectors}
        facts |= {"self_recall": findings.self_recall, "doubles": findings.doubles}
        facts |= {"duplicates": [asdict(group) for group in groups]}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        for problem in findings.problems:
            out.print(f"[red]problem[/red] {escape(problem)}", soft_wrap=True)
        if findings.vectors:
            share, doubles = findings.self_recall, findings.doubles
            out.print(f"{findings.vectors} vectors searched for, self-recall {share:.2%}, {doubles} shared by products")
        _show_duplicates(groups)
    if findings.problems:
        raise CatalogError(f"{catalog} has {len(findings.problems)} problems; make it anew with asworn index")
    if not as_json:
        out.print("the catalogue is sound")


def _show_duplicates(groups: list[Alike]) -> None:
    if not groups:
        return
    count = sum(len(group.ids) for group in groups)
    out.print(f"{count} products look like another one, in {len(groups)} groups", soft_wrap=True)
    table = Table()
    for heading in ("similarity", "picture", "products"):
        table.add_column(heading, overflow="fold")
    for group in groups[:_SHOWN]:
        names = ", ".join(group.ids[:_SHOWN]) + (", ..." if len(group.ids) > _SHOWN else "")
        table.add_row(f"{group.score:.3f}", "the same" if group.same_picture else "another", escape(names))
    out.print(table)
    if len(groups) > _SHOWN:
        out.print(f"... and {len(groups) - _SHOWN} groups more; --json lists all")


@app.command()
def export(
    catalog: CatalogArgument,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Products as .csv or .jsonl, vectors as .npz.")],
) -> None:
    """Write a catalogue's products, or its vectors, to a file for other programs."""
    generation = Catalog.load(catalog).snapshot()
    if file.suffix.lower() == ".npz":
        out.print(f"{export_vectors(generation, file)} vectors written to {escape(str(file))}", soft_wrap=True)
    else:
        out.print(f"{export_products(generation, file)} products written to {escape(str(file))}", soft_wrap=True)


@app.command()
def gc(
    catalog: CatalogArgument,
    keep_previous: Annotated[bool, typer.Option(help="Keep the generation before the current one.")] = False,
    keep_work: Annotated[bool, typer.Option(help="Keep what a build that was stopped has finished.")] = False,
) -> None:
    """Remove old generations and what stopped builds left."""
    freed = collect(catalog, keep_previous, keep_work)
    for name in freed.names:
        out.print(f"removed {escape(name)}")
    out.print(f"{freed.size / 1e6:.1f} MB freed")


@app.command()
def search(
    catalog: CatalogArgument,
    picture: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture file.")],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Products for each garment.")] = 5,
    brand: Annotated[list[str] | None, typer.Option(help="Only this brand; may be given again.")] = None,
    colour: Annotated[list[str] | None, typer.Option(help="Only this colour; may be given again.")] = None,
    gender: Annotated[list[str] | None, typer.Option(help="Only for this gender; may be given again.")] = None,
    age_group: Annotated[list[str] | None, typer.Option(help='Only for this age group, such as "adult".')] = None,
    availability: Annotated[list[str] | None, typer.Option(help='Only such as "in stock".')] = None,
    price_min: Annotated[float | None, typer.Option(help="Least price.")] = None,
    price_max: Annotated[float | None, typer.Option(help="Highest price.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only prices in this currency, such as EUR.")] = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help='Only garments that look so, e.g. "red" or "striped"; may be given again.')
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder, or a packaged name.")] = None,
    embedder: Annotated[str, typer.Option(help="In place of the bundle's, as for `asworn index`.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Find the most similar products for each garment of a picture."""
    filters = Filters(
        brands=brand or None,
        colours=colour or None,
        genders=[vocabulary.gender(text) for text in gender or ()] or None,
        age_groups=[vocabulary.age_group(text) for text in age_group or ()] or None,
        availability=[vocabulary.availability(text) for text in availability or ()] or None,
        price_min=price_min,
        price_max=price_max,
        currency=currency,
    )
    found = _found(catalog, picture, k, filters, keyword or [], bundle, embedder)
    if as_json:
        typer.echo(json.dumps({"image": picture.name, "garments": found}, ensure_ascii=False))
    else:
        out.print(_table(found))


def _found(
    path: Path, picture: Path, k: int, filters: Filters, words: list[str], bundle: str | None, embedder: str
) -> list[dict]:
    # The models are imported here, so that `info` and `check` need none of them.
    from matcher.bundle import Bundle
    from matcher.config import PipelineConfig
    from matcher.foreign import with_embedder
    from matcher.pipeline import Pipeline
    from matcher.stages.look import having, keywords_of
    from matcher.stages.lookup import nearest
    from matcher.video.image import read_image

    image = read_image(picture)
    weights = with_embedder(Bundle.open(bundle), embedder)
    catalog = Catalog.load(path, weights.embedder_hash)
    config = PipelineConfig()
    garments = having(Pipeline(config, catalog, weights).image(image), words)
    generation = catalog.snapshot()
    rows, scores = nearest(generation, garments.embedding, garments.type_probs, k, config.lookup, filters)
    return [
        {
            "type": garment.type_names[0],
            "keywords": keywords_of(garment),
            "box": [round(float(value), 1) for value in garment.xyxy[0]],
            "products": [
                _product_record(product, float(score))
                for product, score in zip(generation.products(row), score_row, strict=True)
                if product is not None
            ],
        }
        for garment, row, score_row in zip(garments, rows, scores, strict=True)
    ]


def _product_record(product: Product, score: float) -> dict[str, object]:
    record = {"id": product.id, "title": product.title, "link": product.link, "score": round(score, 4)}
    return {**record, "disclosure": product.disclosure} if product.disclosure else record


def _table(found: list[dict]) -> Table:
    table = Table(title=f"{len(found)} garments")
    for heading in ("garment", "score", "id", "title"):
        table.add_column(heading)
    for garment in found:
        name = garment["type"]
        for product in garment["products"]:
            table.add_row(name, f"{product['score']:.3f}", escape(product["id"]), escape(product["title"]))
            name = ""
        if not garment["products"]:
            table.add_row(name, "", "", "nothing in the catalogue")
        table.add_section()
    return table
