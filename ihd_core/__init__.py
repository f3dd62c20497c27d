"""Everything a radiologist's result depends on."""
