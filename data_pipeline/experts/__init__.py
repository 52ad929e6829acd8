"""Trade logs of experts, and where they are found."""
