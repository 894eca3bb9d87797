"""Pure packet codecs."""
