"""New bars, headlines and traders' logs."""
