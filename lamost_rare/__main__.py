"""``python -m lamost_rare``: the same as the ``lamost-rare`` command."""

from .cli import main

raise SystemExit(main())
