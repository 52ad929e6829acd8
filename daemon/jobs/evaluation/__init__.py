"""Challengers and champions judged on bars that nobody trained on."""
