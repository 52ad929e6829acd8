"""What every answer of the API has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

SUBJECT = Field(
    examples=["AAPL", "universe", "trader:0x6031"],
    description="What the model decides about: a symbol, the universe of all symbols, or a trader.",
)
BADGE = Field(description="What of it is made up, which a reader must not overlook; null where all is real.")
NEXT = Field(description="The `cursor` of the next page; None on the last one.")


class Answer(BaseModel):
    """An answer whose fields can be read from the attributes of a database row."""

    model_config = ConfigDict(from_attributes=True)
