"""The core: one engine submits, polls, settles and saves generations for every command."""
