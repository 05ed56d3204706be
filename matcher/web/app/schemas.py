"""The values of the API, with their limits; see /docs in a running server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

ProductId = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Tier = Literal["exact", "similar", "none"]


class Problem(BaseModel):
    """Why something was refused or failed, in one plain line."""

    detail: str


class ProductOut(BaseModel):
    """A product of the shop."""

    id: str
    title: str = Field(description="What to call it; the id where the shop gave no title.")
    type: str
    brand: str
    colour: str
    price: float | None
    price_text: str = Field(description="The price in words, empty where there is none.")
    currency: str
    availability: str
    link: str = Field(description="http or https, empty where there is none.")
    disclosure: str = Field(description="The label that must stand where the link is shown, often empty.")
    picture: str = Field(description="Address of a small picture on this server.")


class MatchOut(BaseModel):
    """A product that looks like a garment."""

    product: ProductOut
    score: float = Field(description="Cosine similarity, at most 1.")


class ColourOut(BaseModel):
    """A colour of a garment."""

    name: str
    share: float = Field(description="Of the garment, 0 to 1.")
    swatch: str = Field(description="A colour to show for it, like #1c2b4d.")


class GarmentOut(BaseModel):
    """A garment in a picture."""

    number: int
    person: int = Field(description="Who wears it, from 0, by place from left to right.")
    type: str
    type_score: float
    score: float = Field(description="How sure the detector is, 0 to 1.")
    box: tuple[float, float, float, float] = Field(description="x0, y0, x1, y1 in pixels of the picture.")
    outline: str = Field(description="SVG path in pixels of the picture.")
    keywords: list[str]
    colours: list[ColourOut]
    tier: Tier = Field(description="Whether the first match is this very product, a similar one, or no good one.")
    matches: list[MatchOut]
    crop: str = Field(description="Address of the picture under the box.")
    cutout: str = Field(description="Address of the garment alone, a PNG on transparent ground.")


class LookOut(BaseModel):
    """A picture with its garments."""

    id: str
    width: int
    height: int
    picture: str
    garments: list[GarmentOut]
    persons: int
    ms: float = Field(description="Milliseconds that the models took.")


class UrlIn(BaseModel):
    """An address of a picture."""

    url: str = Field(min_length=8, max_length=2000)


class SimilarOut(BaseModel):
    """Products, best first."""

    matches: list[MatchOut]


class FiltersOut(BaseModel):
    """What similar products can be narrowed down by."""

    brands: list[str] = Field(description="The most frequent ones, by name.")
    currencies: list[str]
    price_min: float | None = Field(description="The least price; null where the shop gives no prices.")
    price_max: float | None
    in_stock: int = Field(description="How many products the shop says are in stock.")


class FeedbackIn(BaseModel):
    """Whether a product is what is worn."""

    product_id: ProductId
    verdict: Literal["right", "wrong"]


class ReviewRef(BaseModel):
    """A judgement that was stored."""

    id: str


class SavedOut(BaseModel):
    """Files that were written."""

    folder: str
    files: list[str]


class WebResultOut(BaseModel):
    """A page that a web search found."""

    title: str
    link: str
    site: str
    snippet: str


class WebSearchOut(BaseModel):
    """What a web search found."""

    provider: str
    keywords: list[str]
    results: list[WebResultOut]


class JobOut(BaseModel):
    """A video that is, was or will be looked through."""

    id: str
    name: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    frames: int
    expected: int | None = Field(description="About how many frames there are.")
    rate: float = Field(description="Frames a second.")
    left_s: float | None = Field(description="About how many seconds it still takes.")
    error: str
    video: str = Field(description="Address of the video to play, once it is done.")


class SightingOut(BaseModel):
    """A product on screen."""

    product: ProductOut
    tier: Tier
    first: float = Field(description="Seconds of the video at which it comes.")
    last: float
    screen_time: float
    score: float
    timecode: str
    type: str
    picture: str


class TimelineOut(BaseModel):
    """All products of a video."""

    length: float = Field(description="Seconds.")
    width: int
    height: int
    sound: bool = Field(description="Whether the video to play has sound.")
    sightings: list[SightingOut]


class VideoOut(BaseModel):
    """A video of the server's folder that may be chosen."""

    name: str
    size: int


class VideoIn(BaseModel):
    """Which video of the folder."""

    name: str = Field(min_length=1, max_length=500)


class ReviewOut(BaseModel):
    """A match to judge."""

    id: str
    source: str
    type: str
    box: tuple[float, float, float, float] = Field(description="x0, y0, x1, y1 in pixels of the picture.")
    picture: str
    product: ProductOut | None = Field(description="What was shown; null where nothing was, or it is gone.")
    score: float
    tier: Tier
    verdict: Literal["", "right", "wrong", "corrected"]
    others: list[MatchOut] = Field(description="What else it may be.")


class ReviewsOut(BaseModel):
    """Matches that wait for a judgement, and how many there are of each kind."""

    reviews: list[ReviewOut]
    counts: dict[str, int]


class VerdictIn(BaseModel):
    """What a match really is."""

    verdict: Literal["", "right", "wrong", "corrected"] = Field(description="Empty takes a judgement back.")
    product_id: str = Field("", max_length=500, description="For corrected: the product that it is.")


class ExportOut(BaseModel):
    """A file of pairs for training and evaluation."""

    file: str
    pairs: int


class EventIn(BaseModel):
    """Something that was done with a product."""

    kind: Literal["open", "visit", "search"]
    product_id: ProductId


class HistoryOut(BaseModel):
    """Whether history is kept, and how much there is."""

    on: bool
    events: int


class HistoryIn(BaseModel):
    """Switch it."""

    on: bool
