"""The YANG modules of Twincast; data files only."""
