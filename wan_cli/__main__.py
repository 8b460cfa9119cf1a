"""python -m wan_cli."""

from wan_cli.main import main

main()
