"""Whether an installation works: what ``lamost-rare doctor`` looks at.

`installation` compares what is installed with what is needed, `places` looks where something will
be written, `preset_files` whether presets are whole. `networks` starts Keras in a process of its
own (`child`), so that whatever happens there can be told, and has each preset answer again what it
answered when it was made.
"""
