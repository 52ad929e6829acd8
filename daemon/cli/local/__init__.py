"""Commands that work on files in their own process, whether a desk runs or not; heavy, so imported when called."""
