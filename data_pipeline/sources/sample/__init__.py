"""The sample market: a deterministic, clearly labelled synthetic world for a desk without data of its own."""

from data_pipeline.sources.sample.bucket import sample_bucket
from data_pipeline.sources.sample.market import SampleSource

__all__ = ["SampleSource", "sample_bucket"]
