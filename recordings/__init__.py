"""What other frameworks computed when the programs beside it were run: see README.md."""
