"""The subcommands of ``lamost-rare``, a file each. Importing one is cheap: what it runs is not."""
