"""Pretrained presets: one folder each, read through `lamost_rare.presets`."""
