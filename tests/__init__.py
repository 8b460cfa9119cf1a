"""Tests of wan: the command as a real process against a fake API over real sockets."""
